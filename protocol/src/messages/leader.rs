//! Where a partition's leader has gone, as Fetch and Produce responses tell it (KIP-951).

use crate::wire::*;

/// The leader of a partition, in answer to a request that went to another broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaderIdAndEpoch {
    /// The leader's node id; -1 where the broker does not know it.
    pub leader_id: i32,
    /// The epoch of that leadership; -1 where the broker does not know it.
    pub leader_epoch: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        LeaderIdAndEpoch { leader_id: -1, leader_epoch: -1, unknown_tagged_fields: TaggedFields::default() }
    }
}

impl Wire for LeaderIdAndEpoch {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, leader_id) = field("leaderId", .., int32)(i)?;
        let (i, leader_epoch) = field("leaderEpoch", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, LeaderIdAndEpoch { leader_id, leader_epoch, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("leaderId", .., &self.leader_id);
        o.field("leaderEpoch", .., &self.leader_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where a leader that was named above can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeEndpoint {
    /// The broker's node id.
    pub node_id: i32,
    /// Its host name or address.
    pub host: Str,
    /// Its port.
    pub port: i32,
    /// Its rack (`broker.rack`), or null.
    pub rack: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for NodeEndpoint {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, node_id) = field("nodeId", .., int32)(i)?;
        let (i, host) = field("host", .., string)(i)?;
        let (i, port) = field("port", .., int32)(i)?;
        let (i, rack) = field("rack", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, NodeEndpoint { node_id, host, port, rack, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("nodeId", .., &self.node_id);
        o.field("host", .., &self.host);
        o.field("port", .., &self.port);
        o.field("rack", .., &self.rack);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
