//! What operators see of a classic group.

use milena_protocol::Str;
use milena_protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};

use super::{ClassicGroup, State};

impl ClassicGroup {
    pub(in crate::core::groups) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    pub(in crate::core::groups) fn state_name(&self) -> Str {
        Str::from(self.state.to_string())
    }

    pub(in crate::core::groups) fn protocol_type(&self) -> Str {
        self.protocol_type.clone().unwrap_or_default()
    }

    /// Which protocol was chosen, and what members say for it, shows only once all have their assignments.
    pub(in crate::core::groups) fn describe(&self) -> DescribedGroup {
        let chosen = self.protocol_name.clone().filter(|_| self.state == State::Stable);
        let members = self.members.values().map(|member| {
            let mut described = DescribedGroupMember::default();
            described.member_id = member.id.clone();
            described.group_instance_id = member.instance_id.clone();
            described.client_id = member.client_id.clone();
            described.client_host = member.client_host.clone();
            described.member_metadata = chosen.as_ref().map(|name| member.metadata(name)).unwrap_or_default();
            described.member_assignment = member.assignment.clone();
            described
        });
        let mut described = DescribedGroup::default();
        described.group_id = self.id.clone();
        described.group_state = self.state_name();
        described.protocol_type = self.protocol_type();
        described.members = members.collect();
        described.protocol_data = chosen.unwrap_or_default();
        described
    }
}
