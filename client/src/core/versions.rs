//! Which version of each API this client and one broker have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use milena_protocol::Api;
use milena_protocol::messages::ApiVersionsResponse;

/// The versions that a broker told on this connection. Each connection has its own: during an upgrade the broker behind
/// an address changes (T22).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(Arc<BTreeMap<i16, (i16, i16)>>);

impl Versions {
    /// What the broker answered.
    pub fn new(answer: &ApiVersionsResponse) -> Self {
        let ranges = answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        Versions(Arc::new(ranges.collect()))
    }

    /// The newest version that both sides speak; `None` where there is none.
    pub fn newest(&self, api: Api) -> Option<i16> {
        self.newest_up_to(api, i16::MAX)
    }

    /// The same, no newer than `limit`.
    pub fn newest_up_to(&self, api: Api, limit: i16) -> Option<i16> {
        let (oldest, newest) = *self.0.get(&api.key())?;
        let version = newest.min(*api.versions().end()).min(limit);
        (version >= oldest && version >= *api.versions().start()).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::api_versions::ApiVersion;

    use super::*;

    fn versions(api: Api, oldest: i16, newest: i16) -> Versions {
        let mut answer = ApiVersionsResponse::default();
        answer.api_keys = vec![ApiVersion::new(api.key(), oldest, newest)];
        Versions::new(&answer)
    }

    #[test]
    fn the_newest_common_version_is_picked() {
        assert_eq!(versions(Api::Fetch, 4, 11).newest(Api::Fetch), Some(11));
        assert_eq!(versions(Api::Fetch, 4, 99).newest(Api::Fetch), Some(18));
        assert_eq!(versions(Api::Fetch, 4, 99).newest_up_to(Api::Fetch, 12), Some(12));
    }

    #[test]
    fn nothing_in_common_is_none() {
        assert_eq!(versions(Api::Fetch, 90, 99).newest(Api::Fetch), None);
        assert_eq!(versions(Api::Fetch, 4, 11).newest_up_to(Api::Fetch, 3), None);
        assert_eq!(versions(Api::Fetch, 4, 11).newest(Api::Heartbeat), None);
        assert_eq!(versions(Api::Fetch, -1, -1).newest(Api::Fetch), None);
    }
}
