//! What a cluster says of a topic's partitions when the application asks.

use std::collections::BTreeMap;

use milena_protocol::Str;
use milena_protocol::messages::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};

use super::metadata::{Broker, broker};

/// A partition and where it is (Kafka's `PartitionInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// The topic's name.
    pub topic: Str,
    /// The partition's number, from 0.
    pub partition: i32,
    /// The broker that takes and gives its records; `None` while there is none.
    pub leader: Option<Node>,
    /// The brokers that are to have a copy, the preferred leader first.
    pub replicas: Vec<Node>,
    /// Those of them that have all records.
    pub in_sync_replicas: Vec<Node>,
    /// Those of them that are down, or whose disk is.
    pub offline_replicas: Vec<Node>,
}

/// A broker, as the cluster names it (Kafka's `Node`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its node id.
    pub id: i32,
    /// The host that it is reached at; empty when it is not alive.
    pub host: Str,
    /// And the port; 0 when it is not alive.
    pub port: u16,
    /// Its `broker.rack`, if it has one.
    pub rack: Option<Str>,
}

/// Looks up brokers by their ids.
pub(super) struct Nodes(BTreeMap<i32, Broker>);

impl Nodes {
    pub(super) fn of(response: &MetadataResponse) -> Self {
        let alive = response.brokers.iter();
        let alive = alive.filter_map(|b| broker(b.node_id, &b.host, b.port, b.rack.as_ref()));
        Nodes(alive.map(|broker| (broker.node_id, broker)).collect())
    }

    pub(super) fn has(&self, id: i32) -> bool {
        self.0.contains_key(&id)
    }

    fn node(&self, id: i32) -> Node {
        match self.0.get(&id) {
            Some(Broker { address, rack, .. }) => {
                Node { id, host: address.host.clone(), port: address.port, rack: rack.clone() }
            }
            None => Node { id, host: Str::default(), port: 0, rack: None },
        }
    }

    fn nodes(&self, ids: &[i32]) -> Vec<Node> {
        ids.iter().map(|id| self.node(*id)).collect()
    }
}

/// The partitions of a topic in their order.
pub(super) fn partitions(name: &Str, answer: &MetadataResponseTopic, nodes: &Nodes) -> Vec<PartitionInfo> {
    let info = |partition: &MetadataResponsePartition| PartitionInfo {
        topic: name.clone(),
        partition: partition.partition_index,
        leader: (partition.leader_id >= 0).then(|| nodes.node(partition.leader_id)),
        replicas: nodes.nodes(&partition.replica_nodes),
        in_sync_replicas: nodes.nodes(&partition.isr_nodes),
        offline_replicas: nodes.nodes(&partition.offline_replicas),
    };
    let mut partitions: Vec<PartitionInfo> = answer.partitions.iter().map(info).collect();
    partitions.sort_by_key(|info| info.partition);
    partitions
}
