//! ListGroups, DescribeGroups, DeleteGroups: what operators ask.

use milena_protocol::messages::delete_groups::DeletableGroupResult;
use milena_protocol::messages::describe_groups::DescribedGroup;
use milena_protocol::messages::list_groups::ListedGroup;
use milena_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    ListGroupsRequest, ListGroupsResponse,
};
use milena_protocol::{ErrorCode, Str};

use super::Groups;
use super::group::Group;
use crate::core::requests::Context;

/// From here on a group that is not there is an error (KIP-1043); before, it is "Dead".
const GROUP_ID_NOT_FOUND: i16 = 6;

/// What everybody may do with a group where nothing is forbidden: a bit for each of Kafka's `AclOperation`s READ (3),
/// DELETE (6), DESCRIBE (8), DESCRIBE_CONFIGS (10) and ALTER_CONFIGS (11), see its `AclEntry`.
pub(super) const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

impl Groups {
    /// Answers ListGroups with those groups that the broker coordinates.
    pub fn list_groups(
        &mut self,
        context: &Context<'_>,
        request: ListGroupsRequest,
        is_coordinated: impl Fn(&str) -> bool,
    ) {
        let states: Vec<String> = request.states_filter.iter().map(|state| lower(state.trim())).collect();
        let types: Vec<String> = request.types_filter.iter().map(|kind| lower(kind)).collect();
        let passes = |filter: &[String], value: &str| filter.is_empty() || filter.contains(&lower(value));
        let listed = self.groups.iter().filter(|(id, _)| is_coordinated(id)).map(|(id, group)| {
            let mut listed = ListedGroup::default();
            listed.group_id = id.clone();
            listed.protocol_type = group.protocol_type();
            listed.group_state = group.state_name();
            listed.group_type = group.type_name();
            listed
        });
        let mut response = ListGroupsResponse::default();
        response.groups = listed
            .filter(|group| passes(&states, &group.group_state) && passes(&types, &group.group_type))
            .collect();
        self.shared.answers.now(context, response);
    }

    /// Answers DescribeGroups: classic groups only.
    pub fn describe_groups(&mut self, context: &Context<'_>, request: DescribeGroupsRequest) {
        let described = |id: &Str| match self.groups.get(id) {
            Some(Group::Classic(group)) => {
                let mut described = group.describe();
                if request.include_authorized_operations {
                    described.authorized_operations = ALL_OPERATIONS;
                }
                described
            }
            found => {
                let mut unknown = DescribedGroup::default();
                unknown.group_id = id.clone();
                unknown.group_state = Str::from_static("Dead");
                if context.version >= GROUP_ID_NOT_FOUND {
                    unknown.error_code = ErrorCode::GROUP_ID_NOT_FOUND;
                    unknown.error_message = Some(Str::from(match found {
                        Some(_) => format!("Group {id} is not a classic group."),
                        None => format!("Group {id} not found."),
                    }));
                }
                unknown
            }
        };
        let mut response = DescribeGroupsResponse::default();
        response.groups = request.groups.iter().map(described).collect();
        self.shared.answers.now(context, response);
    }

    /// Answers DeleteGroups: groups without members go, with their offsets.
    pub fn delete_groups(&mut self, context: &Context<'_>, request: DeleteGroupsRequest) {
        let mut names = request.groups_names;
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let mut response = DeleteGroupsResponse::default();
        for group_id in names {
            let mut result = DeletableGroupResult::default();
            result.error_code = match self.groups.get(&group_id) {
                None => ErrorCode::GROUP_ID_NOT_FOUND,
                Some(group) if !group.is_empty() => ErrorCode::NON_EMPTY_GROUP,
                Some(_) => {
                    self.forget_group(&group_id);
                    ErrorCode::NONE
                }
            };
            result.group_id = group_id;
            response.results.push(result);
        }
        self.shared.answers.now(context, response);
    }

    /// Nothing is left of the group.
    pub(super) fn forget_group(&mut self, id: &Str) {
        self.groups.remove(id);
        self.used.remove(id);
        self.offsets.forget_group(id);
        self.shared.timers.stop_all(id);
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::groups::test_support::*;

    fn list(states: &[&str], types: &[&str]) -> ListGroupsRequest {
        let mut request = ListGroupsRequest::default();
        request.states_filter = states.iter().map(|&state| Str::from(state)).collect();
        request.types_filter = types.iter().map(|&kind| Str::from(kind)).collect();
        request
    }

    fn names(response: &ListGroupsResponse) -> Vec<&str> {
        response.groups.iter().map(|group| group.group_id.as_str()).collect()
    }

    /// The stable group "g" and the empty group "h".
    fn two_groups(bench: &mut Bench) -> Str {
        let (id, _) = stable_group(bench, "g", b"mine");
        let (left, _) = stable_group(bench, "h", b"");
        let mut request = leave(&[(&left, None)]);
        request.group_id = "h".into();
        bench.now(request);
        id
    }

    #[test]
    fn groups_are_listed_by_state_and_type_in_any_case() {
        let mut bench = Bench::prompt();
        two_groups(&mut bench);
        let all = bench.now(list(&[], &[]));
        assert_eq!(names(&all), ["g", "h"]);
        let first = &all.groups[0];
        assert_eq!(
            (&first.group_state[..], &first.protocol_type[..], &first.group_type[..]),
            ("Stable", "consumer", "classic")
        );
        for (states, types, expected) in [
            (&[" stable"][..], &[][..], &["g"][..]),
            (&["Empty", "Dead"], &[], &["h"]),
            (&["PREPARINGREBALANCE"], &[], &[]),
            (&[], &["Classic"], &["g", "h"]),
            (&[], &["consumer"], &[]),
            (&["nonsense"], &[], &[]),
            (&[], &["nonsense"], &[]),
        ] {
            assert_eq!(names(&bench.now(list(states, types))), expected, "{states:?} {types:?}");
        }
        bench.version = Some(0);
        assert_eq!(names(&bench.now(list(&[], &[]))), ["g", "h"]);
    }

    #[test]
    fn a_broker_lists_what_it_coordinates() {
        let mut bench = Bench::prompt();
        two_groups(&mut bench);
        bench.coordinates = |group| group == "h";
        assert_eq!(names(&bench.now(list(&[], &[]))), ["h"]);
    }

    #[test]
    fn a_stable_group_is_described_with_what_its_members_said_and_got() {
        let mut bench = Bench::prompt();
        let id = two_groups(&mut bench);
        let mut request = DescribeGroupsRequest::default();
        request.groups = vec!["g".into(), "h".into(), "none".into()];
        request.include_authorized_operations = true;
        let response = bench.now(request.clone());
        let [stable, empty, unknown] = &response.groups[..] else { panic!("{response:?}") };
        assert_eq!((&stable.group_state[..], &stable.protocol_data[..]), ("Stable", "range"));
        assert_eq!(stable.authorized_operations, 3400);
        let member = &stable.members[0];
        assert_eq!((&member.member_id, &member.client_id[..]), (&id, "app"));
        assert_eq!((&member.client_host[..], &member.member_assignment[..]), ("/127.0.0.1", &b"mine"[..]));
        assert_eq!((&empty.group_state[..], &empty.protocol_type[..]), ("Empty", "consumer"));
        assert_eq!((&unknown.group_state[..], unknown.error_code), ("Dead", ErrorCode::GROUP_ID_NOT_FOUND));
        assert_eq!(unknown.error_message.as_deref(), Some("Group none not found."));
        bench.version = Some(5);
        let response = bench.now(request);
        assert_eq!(
            (&response.groups[2].group_state[..], response.groups[2].error_code),
            ("Dead", ErrorCode::NONE)
        );
    }

    #[test]
    fn what_members_said_is_not_shown_while_the_group_rebalances() {
        let mut bench = Bench::prompt();
        let id = two_groups(&mut bench);
        bench.now(join(&id, &[("range", b"new")]));
        let mut request = DescribeGroupsRequest::default();
        request.groups = vec!["g".into()];
        let response = bench.now(request);
        let group = &response.groups[0];
        assert_eq!((&group.group_state[..], &group.protocol_data[..]), ("CompletingRebalance", ""));
        assert_eq!(group.members[0].member_metadata.len(), 0);
        assert_eq!(group.authorized_operations, i32::MIN);
    }

    #[test]
    fn only_empty_groups_are_deleted() {
        let mut bench = Bench::prompt();
        two_groups(&mut bench);
        let mut request = DeleteGroupsRequest::default();
        request.groups_names = vec!["g".into(), "h".into(), "none".into(), "h".into()];
        let response = bench.now(request);
        let outcomes: Vec<_> =
            response.results.iter().map(|result| (&result.group_id[..], result.error_code)).collect();
        let (used, unknown) = (ErrorCode::NON_EMPTY_GROUP, ErrorCode::GROUP_ID_NOT_FOUND);
        assert_eq!(outcomes, [("g", used), ("h", ErrorCode::NONE), ("none", unknown)]);
        assert_eq!(names(&bench.now(list(&[], &[]))), ["g"]);
    }
}
