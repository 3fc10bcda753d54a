//! The protocols of members, and how many members support each.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use milena_protocol::Str;
use milena_protocol::messages::join_group::JoinGroupRequestProtocol;

/// An assignor that a member supports, and what it tells to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::core::groups) struct Protocol {
    pub(in crate::core::groups) name: Str,
    pub(in crate::core::groups) metadata: Bytes,
}

impl Protocol {
    /// The protocols of a request, which goes on living without them. Of two with the same name the first one counts.
    pub(in crate::core::groups) fn kept(protocols: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
        let mut seen = BTreeSet::new();
        let kept = |protocol: &JoinGroupRequestProtocol| Protocol {
            name: protocol.name.detached(),
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        };
        protocols.iter().filter(|protocol| seen.insert(&protocol.name)).map(kept).collect()
    }
}

/// How many members support each protocol: counted as members come and go, since a member may name very many.
#[derive(Clone, Debug, Default)]
pub(in crate::core::groups) struct Supported {
    members: usize,
    counts: BTreeMap<Str, usize>,
}

impl Supported {
    /// A member with these protocols has come.
    pub(in crate::core::groups) fn add(&mut self, protocols: &[Protocol]) {
        self.members += 1;
        for protocol in protocols {
            *self.counts.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    /// A member with these protocols has gone.
    pub(in crate::core::groups) fn remove(&mut self, protocols: &[Protocol]) {
        self.members -= 1;
        for protocol in protocols {
            if let Some(count) = self.counts.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&protocol.name);
                }
            }
        }
    }

    /// Whether all members support the protocol.
    pub(in crate::core::groups) fn by_all(&self, name: &str) -> bool {
        self.counts.get(name).copied().unwrap_or(0) == self.members
    }
}
