//! Partition assignors: who in a consumer group reads which partition.
//!
//! In a classic group the broker knows nothing of partitions. It makes one member the leader, hands it every
//! member's subscription, and carries the leader's decision back to the others. An assignor is that decision:
//! a function from the topics of the cluster and the members of the group to a list of partitions for each
//! member.
//!
//! | name                 | idea                                                     | rebalance            |
//! |----------------------|----------------------------------------------------------|----------------------|
//! | `range`              | each topic is cut into runs of neighbouring partitions   | eager                |
//! | `roundrobin`         | partitions are dealt like cards                          | eager                |
//! | `sticky`             | balanced, and members keep what they had if possible     | eager                |
//! | `cooperative-sticky` | the same, and what moves is first given up, then given   | cooperative or eager |
//!
//! Every member of a group may become its leader, and a group may mix Java consumers with ours, so all four
//! give what Kafka 4.3's Java classes give on the same input. Two leaders that disagree would move partitions
//! for nothing at each change of leader. The files under `testdata/assignors` hold Java's answers, and the
//! tests compare.
//!
//! Java's answer now and then depends on the order in which its `HashMap`s hand out their keys. That order is
//! a fixed function of the keys and of the order in which they came in; `java_order` computes it.
//!
//! Where we leave Java's path, on purpose:
//! - A claim on a partition that does not exist (its topic was made again with fewer partitions) is dropped
//!   at the start. Java keeps it: it then hands out that partition, gives others out twice, or throws.
//! - The sticky assignors of Java remember the highest generation that they saw in earlier calls. Here the
//!   result depends on the arguments alone.
//! - Java throws a `NullPointerException` if the previous owner of a partition cannot take part in balancing;
//!   here that owner is passed over.
//! - Member lists, topics and partitions come out sorted. In Java their order is an accident that nobody
//!   reads.

mod cooperative_sticky;
mod group;
mod java_order;
mod range;
mod round_robin;
mod sticky;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

pub use cooperative_sticky::CooperativeStickyAssignor;
pub use range::RangeAssignor;
pub use round_robin::RoundRobinAssignor;
pub use sticky::StickyAssignor;

/// What the cluster's metadata says of each topic, by name. A topic that a member wants and that is not here,
/// or has no partitions, is left out of the assignment.
pub type ClusterTopics = BTreeMap<String, Vec<PartitionInfo>>;

/// Partitions grouped by their topic: a list of (topic name, partition indexes).
pub type TopicPartitions = Vec<(String, Vec<i32>)>;

/// An assignment of the whole group: (member id, its partitions) for every member, also for one that gets
/// nothing. Sorted by member id, then topic name, then partition index.
pub type GroupAssignment = Vec<(String, TopicPartitions)>;

/// One partition of a topic, as far as an assignor cares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionInfo {
    /// The partition's number within its topic, counted from 0 without gaps.
    pub index: i32,
    /// The racks (`broker.rack`) of the brokers that hold a replica, in or out of sync; brokers without a
    /// rack add nothing (KIP-881).
    pub racks: Vec<String>,
}

/// One member of the group: what its subscription says, and what JoinGroup says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id that the coordinator gave to this member.
    pub member_id: String,
    /// The `group.instance.id` of a static member (KIP-345); `None` for a dynamic one. `range` and
    /// `roundrobin` sort by it, so that a restarted static member gets the same place under its new member
    /// id.
    pub group_instance_id: Option<String>,
    /// The topics that this member wants.
    pub topics: Vec<String>,
    /// The partitions that it held when it joined (subscription v1 and later, KIP-429); read by
    /// `cooperative-sticky`.
    pub owned_partitions: TopicPartitions,
    /// The generation in which it held them (subscription v2 and later, KIP-792); negative when not known.
    pub generation_id: i32,
    /// The member's `client.rack` (subscription v3, KIP-881); `None` and the empty string both mean "not
    /// told".
    pub rack_id: Option<String>,
    /// Bytes that this member's assignor sent to the leader's: see [`Assignor::subscription_user_data`].
    pub user_data: Option<Bytes>,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            member_id: String::new(),
            group_instance_id: None,
            topics: Vec::new(),
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
            user_data: None,
        }
    }
}

/// How a group changes hands (KIP-429).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// Every member gives up everything before it rejoins.
    Eager,
    /// Members keep what they have; only what must move is given up, and a second round hands it out.
    Cooperative,
}

/// A strategy that shares out partitions (`partition.assignment.strategy`; Kafka's
/// `ConsumerPartitionAssignor`).
///
/// `assign` runs on the leader only; the other methods run on every member.
pub trait Assignor: fmt::Debug + Send {
    /// The name under which the members of a group agree on this assignor, in JoinGroup's list of protocols.
    fn name(&self) -> &str;

    /// The rebalance protocols that this assignor can work under. A consumer uses the highest one that all of
    /// its assignors support.
    fn supported_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Eager]
    }

    /// What this member wants the leader's assignor to know: travels as the subscription's `user_data`.
    /// `None` when there is nothing to tell.
    fn subscription_user_data(&self) -> Option<Bytes> {
        None
    }

    /// Decides, on the leader, who reads what. `members` are in the order of the JoinGroup response.
    ///
    /// Under [`Cooperative`](RebalanceProtocol::Cooperative) a partition of which a member says that it
    /// [owns](Member::owned_partitions) it is for nobody else yet: it is left out, the member gives it up and joins again,
    /// and then it is free. Otherwise two members would read it, which is
    /// [`Error::UnsafeAssignment`](crate::Error::UnsafeAssignment).
    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment;

    /// Tells this member's assignor what it was given in SyncGroup, and in which generation.
    fn on_assignment(&mut self, _assignment: &[(String, Vec<i32>)], _generation_id: i32) {}
}
