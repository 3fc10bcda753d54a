//! Why something could not be done to a cluster.

use std::fmt;
use std::ops::RangeInclusive;

use milena_protocol::{Api, ErrorCode};

/// Why a cluster could not be steered. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SteerError {
    /// There is no broker of this number.
    NoBroker {
        /// The number.
        node_id: i32,
        /// Those that there are.
        brokers: Vec<i32>,
    },
    /// The broker is stopped, and so cannot lead.
    Stopped {
        /// Its number.
        node_id: i32,
    },
    /// There is no such topic.
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has no such partition.
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How many it has.
        count: usize,
    },
    /// The broker has no replica of the partition, and so cannot lead it.
    NoReplica {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The broker.
        node_id: i32,
        /// The brokers that have one.
        replicas: Vec<i32>,
    },
    /// The offset lies outside of the log.
    OffsetOutOfRange {
        /// The offset.
        offset: i64,
        /// Where the log begins.
        start_offset: i64,
        /// Where it ends.
        end_offset: i64,
    },
    /// The group has no such member.
    NoMember {
        /// The group.
        group_id: String,
        /// The member's id.
        member_id: String,
        /// The members that it has.
        members: Vec<String>,
    },
    /// The API is not there in these versions.
    NoVersions {
        /// The API.
        api: Api,
        /// The versions that there are; `None` where the broker does not have the API.
        offered: Option<RangeInclusive<i16>>,
    },
    /// No broker leads the partition.
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The log does not take these records.
    Refused {
        /// What a producer would be answered.
        code: ErrorCode,
    },
    /// A number is too large.
    TooMany {
        /// What was asked for.
        count: usize,
        /// How many are possible.
        most: usize,
    },
    /// The predicate of a fault tried to steer: it is asked by the thread that would have to do it.
    InPredicate,
    /// The broker does not exist any more.
    Gone,
}

impl fmt::Display for SteerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SteerError::NoBroker { node_id, brokers } => {
                write!(f, "there is no broker {node_id}, only {brokers:?}")
            }
            SteerError::Stopped { node_id } => {
                write!(f, "broker {node_id} is stopped: start it before it can lead")
            }
            SteerError::NoTopic { topic } => write!(f, "there is no topic {topic:?}"),
            SteerError::NoPartition { topic, partition, count } => {
                write!(f, "topic {topic:?} has no partition {partition}: it has {count}, counted from 0")
            }
            SteerError::NoReplica { topic, partition, node_id, replicas } => write!(
                f,
                "broker {node_id} has no replica of {topic}-{partition}: its replicas are on {replicas:?}"
            ),
            SteerError::OffsetOutOfRange { offset, start_offset, end_offset } => {
                write!(f, "offset {offset} is not in the log, which goes from {start_offset} to {end_offset}")
            }
            SteerError::NoMember { group_id, member_id, members } => {
                write!(f, "group {group_id:?} has no member {member_id:?}, only {members:?}")
            }
            SteerError::NoVersions { api, offered: None } => write!(f, "the broker does not have {api}"),
            SteerError::NoVersions { api, offered: Some(offered) } => {
                write!(f, "the broker has {api} in the versions {} to {}", offered.start(), offered.end())
            }
            SteerError::NoLeader { topic, partition } => {
                write!(f, "nobody leads {topic}-{partition}: all its replicas are stopped")
            }
            SteerError::Refused { code } => write!(f, "the log does not take these records: {code}"),
            SteerError::TooMany { count, most } => write!(f, "{count} are too many: {most} are possible"),
            SteerError::InPredicate => write!(f, "the predicate of a fault cannot steer a broker"),
            SteerError::Gone => write!(f, "the broker has been dropped"),
        }
    }
}

impl std::error::Error for SteerError {}
