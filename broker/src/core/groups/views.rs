//! Groups, to be looked at from outside without a request.

use milena_protocol::Str;

use super::Groups;

impl Groups {
    /// The ids of all groups, in order.
    pub fn ids(&self) -> impl Iterator<Item = &Str> {
        self.groups.keys()
    }

    /// The state of a group (`Stable`); `None` where there is no such group.
    pub fn state(&self, group_id: &str) -> Option<String> {
        self.groups.get(group_id).map(|group| group.state_name().to_string())
    }

    /// The ids of a group's members, in order.
    pub fn member_ids(&self, group_id: &str) -> Vec<String> {
        let ids = self.groups.get(group_id).map(|group| group.member_ids()).unwrap_or_default();
        ids.iter().map(Str::to_string).collect()
    }

    /// What a group has committed: topic, partition, offset.
    pub fn committed(&self, group_id: &str) -> impl Iterator<Item = ((String, i32), i64)> {
        let committed = self.offsets.committed(group_id);
        committed.map(|(topic, partition, offset)| ((topic.to_string(), partition), offset))
    }
}
