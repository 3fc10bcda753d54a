//! Requests that name the same over and over: a few bytes for each name, and a large answer to each.

use std::collections::BTreeSet;

use milena_protocol::RequestBody;

/// How often a request may name what it has named before: no client does. Kafka answers each, until memory has an end.
const MOST: usize = 10;

/// Whether a request repeats itself so often that the client has to be cut off.
pub(super) fn is_excessive(request: &RequestBody) -> bool {
    match request {
        RequestBody::DescribeConfigs(request) => {
            let names = request.resources.iter();
            too_many(names.map(|resource| (resource.resource_type, &resource.resource_name)))
        }
        RequestBody::DescribeGroups(request) => too_many(request.groups.iter()),
        RequestBody::ConsumerGroupDescribe(request) => too_many(request.group_ids.iter()),
        RequestBody::OffsetFetch(request) => too_many(request.groups.iter().map(|group| &group.group_id)),
        _ => false,
    }
}

fn too_many<N: Ord>(names: impl Iterator<Item = N>) -> bool {
    let mut seen = BTreeSet::new();
    names.map(|name| seen.insert(name)).filter(|is_new| !is_new).count() > MOST
}
