//! What a test does to a cluster: brokers stop, leaders move, logs lose their ends, clients are thrown out.
//!
//! Each of these is a [`Steer`], done by [`Core::steer`] at once and as a whole: when it returns, the next request of any
//! client is answered by the new state of things.
//!
//! | file | what |
//! |---|---|
//! | `freezing.rs` | brokers are halted |
//! | `leadership.rs` | brokers stop and start, leaders and coordinators move |
//! | `logs.rs` | logs are truncated, trimmed and compacted, topics recreated and enlarged |
//! | `clients.rs` | connections, fetch sessions and members come to an end |
//! | `fault.rs`, `faults.rs` | requests that go wrong, one or many |
//! | `time.rs` | the broker's time, frozen and advanced |
//! | `views.rs` | what there is, to be looked at |
//! | `error.rs` | why something could not be done |

mod clients;
mod error;
mod fault;
mod faults;
mod freezing;
mod leadership;
mod logs;
#[cfg(test)]
mod tests;
mod time;
mod views;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use milena_protocol::Api;

pub use error::SteerError;
pub use fault::{Fault, Matching};
pub use faults::FaultId;
pub(super) use faults::Faults;
pub(super) use time::Time;
pub use views::StoredRecord;

use super::Core;
use super::versions::Versions;

/// Something that is done to a cluster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Steer {
    /// A broker stops: its connections end, its port refuses new ones, what it led goes to replicas that run, under new
    /// leader epochs. What is in memory stays.
    StopBroker {
        /// Its number.
        node_id: i32,
    },
    /// A broker that was stopped runs again. It leads only what nobody else could.
    StartBroker {
        /// Its number.
        node_id: i32,
    },
    /// A broker is halted, as a process by SIGSTOP: its connections stay open, new ones wait, and nothing is answered. It
    /// still leads what it led; for its groups time goes on.
    FreezeBroker {
        /// Its number.
        node_id: i32,
    },
    /// A broker that was halted goes on, with the requests that have come meanwhile.
    ThawBroker {
        /// Its number.
        node_id: i32,
    },
    /// Another replica leads a partition, under a new leader epoch. Nothing happens where it does so already.
    MoveLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The new leader, which runs and has a replica.
        node_id: i32,
    },
    /// The same leader, under a new leader epoch.
    BumpLeaderEpoch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// Another broker coordinates a group, and all that share its partition of `__consumer_offsets`: that partition's leader
    /// moves. Members that wait are answered with NOT_COORDINATOR; what was committed stays.
    MoveGroupCoordinator {
        /// `group.id`.
        group_id: String,
        /// The new coordinator, which runs and has a replica of the partition.
        node_id: i32,
    },
    /// The same for a producer's transactions, and `__transaction_state`.
    MoveTransactionCoordinator {
        /// `transactional.id`.
        transactional_id: String,
        /// The new coordinator, which runs and has a replica of the partition.
        node_id: i32,
    },
    /// A partition loses the end of its log, as after an unclean election: the same leader begins a new epoch there.
    Truncate {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset of the next record. A batch that would be cut in two goes as a whole, and leaves a gap.
        end_offset: i64,
    },
    /// A partition loses the beginning of its log.
    Trim {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset of the first record that is left; up to the end of the log.
        start_offset: i64,
    },
    /// A partition's log is compacted, up to the last stable offset, whatever the topic's settings say: of each key the last
    /// value stays, and tombstones for `delete.retention.ms`; records without a key go.
    Compact {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A topic is deleted, and created with the same partitions and settings: empty, under another topic id, with leader
    /// epochs that begin with 0 again.
    RecreateTopic {
        /// Its name.
        topic: String,
    },
    /// A topic gets more partitions.
    AddPartitions {
        /// Its name.
        topic: String,
        /// How many more.
        count: usize,
    },
    /// Connections are closed.
    Disconnect(Whom),
    /// Brokers forget all fetch sessions, as after they have made room for others (KIP-227).
    EvictFetchSessions,
    /// The coordinator acts as if it had not heard from a member for too long.
    EndSession {
        /// `group.id`.
        group_id: String,
        /// The member's id.
        member_id: String,
    },
    /// Requests go wrong from now on, as the fault says.
    Fault(Fault),
    /// They do so no more.
    RemoveFault(FaultId),
    /// Only these versions of an API are offered, and served, from now on; others are refused as Kafka refuses those that it
    /// does not know: ApiVersions is answered in version 0 with an error (KIP-511), anything else is cut off.
    PinVersions {
        /// The API.
        api: Api,
        /// The versions; `None` for an API that the broker does not have.
        versions: Option<RangeInclusive<i16>>,
    },
    /// All versions of all APIs are offered again.
    UnpinVersions,
    /// The broker's time stands still: nothing times out, and what waits goes on waiting.
    FreezeTime,
    /// So much of the broker's time passes all at once, whether it is frozen or not.
    AdvanceTime(Duration),
    /// The broker's time goes on from where it stands.
    ThawTime,
}

/// Whose connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whom {
    /// All.
    All,
    /// All to one broker.
    Broker(i32),
    /// All of clients that call themselves so (`client.id`).
    Client(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Steered {
    /// It is done.
    Done,
    /// As many connections were closed.
    Disconnected(usize),
    /// This is the fault.
    Fault(FaultId),
    /// The fault is gone.
    Removed {
        /// How often it has struck.
        fired: u64,
    },
}

impl Core {
    /// Does something to the cluster.
    ///
    /// # Errors
    /// When what it is about is not there, or cannot be what it is to be. Nothing has changed then.
    pub fn steer(&mut self, steer: Steer, now: Instant) -> Result<Steered, SteerError> {
        match steer {
            Steer::FreezeTime => self.time.freeze(now),
            Steer::AdvanceTime(by) => self.time.advance(by, now),
            Steer::ThawTime => self.time.thaw(now),
            _ => {}
        }
        let now = self.time.inside(now);
        let done = |()| Steered::Done;
        let steered = match steer {
            Steer::StopBroker { node_id } => self.stop_broker(node_id, now).map(done),
            Steer::StartBroker { node_id } => self.start_broker(node_id, now).map(done),
            Steer::FreezeBroker { node_id } => self.freeze_broker(node_id).map(done),
            Steer::ThawBroker { node_id } => self.thaw_broker(node_id, now).map(done),
            Steer::MoveLeader { topic, partition, node_id } => {
                self.move_leader(&topic, partition, node_id, now).map(done)
            }
            Steer::BumpLeaderEpoch { topic, partition } => {
                self.bump_leader_epoch(&topic, partition, now).map(done)
            }
            Steer::MoveGroupCoordinator { group_id, node_id } => {
                self.move_group_coordinator(&group_id, node_id, now).map(done)
            }
            Steer::MoveTransactionCoordinator { transactional_id, node_id } => {
                self.move_transaction_coordinator(&transactional_id, node_id, now).map(done)
            }
            Steer::Truncate { topic, partition, end_offset } => {
                self.truncate(&topic, partition, end_offset, now).map(done)
            }
            Steer::Trim { topic, partition, start_offset } => {
                self.trim(&topic, partition, start_offset).map(done)
            }
            Steer::Compact { topic, partition } => self.compact(&topic, partition, now).map(done),
            Steer::RecreateTopic { topic } => self.recreate_topic(&topic, now).map(done),
            Steer::AddPartitions { topic, count } => self.add_partitions(&topic, count, now).map(done),
            Steer::Disconnect(whom) => self.disconnect(&whom).map(Steered::Disconnected),
            Steer::EvictFetchSessions => {
                self.fetching.evict_sessions(None);
                Ok(Steered::Done)
            }
            Steer::EndSession { group_id, member_id } => {
                self.end_session(&group_id, &member_id, now).map(done)
            }
            Steer::Fault(fault) => self.add_fault(fault),
            Steer::RemoveFault(fault) => Ok(self.remove_fault(fault)),
            Steer::PinVersions { api, versions } => {
                let pinned = self.versions.pin(api, versions);
                pinned.map(done).map_err(|offered| SteerError::NoVersions { api, offered })
            }
            Steer::UnpinVersions => {
                self.versions = Versions::default();
                Ok(Steered::Done)
            }
            // It was the first thing.
            Steer::FreezeTime | Steer::AdvanceTime(_) | Steer::ThawTime => Ok(Steered::Done),
        };
        self.settle(now);
        steered
    }
}
