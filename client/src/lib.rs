//! A Kafka consumer and producer: pure cores under a thin tokio driver.
//!
//! - [`Consumer`] reads topics as a member of a group: [`subscribe`](Consumer::subscribe), [`poll`](Consumer::poll),
//!   [`close`](Consumer::close). It needs a tokio runtime.
//! - [`Config`] has the properties of Kafka's own consumer, by their names and with their defaults.
//! - [`Records`] are lent by a poll; [`Record::to_owned`] keeps one for longer.
//! - [`Consumer::stream`] gives them one after the other; [`streams`] tells how many workers share the reading.
//! - [`deserialize`] makes types of their keys and values.
//! - [`Producer`] writes to topics: [`send`](Producer::send), [`flush`](Producer::flush), [`close`](Producer::close);
//!   [`ProducerConfig`] has the properties of Kafka's own producer.
//! - [`Admin`] lists and describes groups, and reads and sets their offsets.
//! - [`Error`] says what to do about it ([`is_retriable`](Error::is_retriable)); [`Notice`]s tell what went on in the
//!   background: rebalances, broken connections, resets.
//! - Events for `tracing` tell operators the same and more, with fields by name (`client_id`, `group_id`, `node`, `topic`,
//!   `partition`, ...). Error: records that cannot be read. Warn: a connection that broke, a commit in the background that
//!   failed, a consumer that is not polled, a position that was reset. Info: the group's coordinator, joining, partitions that come and go. Debug:
//!   connections made and closed when idle, and what a broker is asked again.
//! - [`core`] is both without a clock and without sockets, for those who run it on a loop of their own.
//!
//! # Where it differs from Java's consumer, on purpose
//! - Where `latest` or `by_duration` lets a group begin in a partition is committed at once, also without
//!   `enable.auto.commit`: what comes while nobody reads is there at the next start.
//! - Records that `max.poll.records` leaves for the next poll are neither fetched nor decompressed again.
//! - What is prefetched, decompressed bytes included, stays within one budget for the whole consumer
//!   ([`Config::buffer_bytes`]), however many partitions there are. Paused ones that take the room of others let go of what
//!   was fetched of them.
//! - A key or value that cannot be deserialized is an error of its record alone; reading goes on behind it.
//! - A broken batch is an error once, which tells where to seek to leave it out. One that decompresses to more than 128 MiB
//!   counts as broken, unless [`Config::buffer_bytes`] is more.
//! - A topic that was deleted and made again is read from its start, whatever the reset policy says: all of it is new.
//! - Under the cooperative protocol what was read during a rebalance is committed before it moves.
//! - What a cooperative group gave away while a member missed a whole generation is lost to it, and not committed; Java's
//!   consumer revokes it, and commits over what its new owner has.
//! - A static member that was out of its group while it owed the rebalance that hands on what it gave up still asks for it.
//! - The commit before a rebalance does not wait for topics that were deleted.
//! - A static member whose `group.instance.id` was taken by another does not take it back at its next poll.
//! - `enforce_rebalance` under the consumer protocol is an error; Java's consumer warns.
//! - `unsubscribe` commits, where `enable.auto.commit` is on.
//! - A property that is not known is an error, with the nearest name that is; Java's consumer warns.
//! - A poll fails with [`Error::Unreachable`] when no broker could be reached for `default.api.timeout.ms`; Java's returns
//!   nothing for ever. It is tried on all the same.
//! - [`Wakeup`] interrupts polls and streams; all other calls can be dropped. Java's interrupts every call that waits.
//! - A subscription may change between names and a pattern without [`unsubscribe`](Consumer::unsubscribe) in between.
//! - All futures can be dropped at any point. A rebalance listener that was interrupted so goes on with the next poll.
//!
//! # Where it differs from Java's producer, on purpose
//! - [`send`](Producer::send) never blocks: a record that has to wait for its topic or for room waits inside, in its order, and
//!   [`ready`](Producer::ready) is how to be held back.
//! - After a gap in its sequence numbers a partition waits until nothing is in flight before it goes on in a new epoch.
//! - Where a broker refuses an idempotent producer's epoch, the records go on in a new one; Java's producer gives them up.
//! - A batch that is too large is halved until it fits, or is one record.
//! - A property that is not known is an error, with the nearest name that is; Java's producer warns.

pub mod core;
pub mod deserialize;
pub mod streams;

mod admin;
mod commit_tracker;
mod config;
mod consumer;
// The application's side of the core, for whoever runs the core on a loop of their own.
#[doc(hidden)]
pub mod delivery;
mod driver;
mod error;
mod partition_records;
mod producer;
mod records;
mod trace;

pub use admin::{Admin, GroupDescription, GroupListing, ListedOffsets, MemberDescription, OffsetSpec};
pub use commit_tracker::{CommitTracker, Done};
pub use config::{
    ClientDnsLookup, Config, ConfigError, ConfigErrorKind, CustomStrategy, GroupProtocol, OffsetReset,
    ProducerConfig, Property, Strategy, Support,
};
pub use consumer::{
    CloseOptions, Consumer, ConsumerHandle, Notice, PendingCommit, PendingRebalance, RebalanceForwarder,
    RebalanceListener, Rebalances, RecordStream, Wakeup,
};
pub use core::assignors;
pub use core::fetch_report::{FetchError, FetchNotice};
pub use core::fetch_settings::IsolationLevel;
pub use core::io::{OffsetAndMetadata, Offsets, RebalanceKind};
pub use core::lookups::OffsetAndTimestamp;
pub use core::member::{ConsumerGroupMetadata, GroupMembershipOperation};
pub use core::partition_info::{Node, PartitionInfo};
pub use core::producer::io::{ProducerRecord, RecordMetadata};
pub use core::producer::settings::Acks;
pub use core::recovery::MetadataRecoveryStrategy;
pub use core::topic_partition::TopicPartition;
pub use delivery::CorruptRecords;
pub use error::Error;
pub use partition_records::PartitionRecords;
pub use producer::{Delivery, Producer};
pub use records::{Header, Headers, Iter, OwnedRecord, Record, Records, TimestampType};
pub use streams::{Acker, PartitionStream, PartitionStreams};

/// What brokers answer with where they refuse.
pub use milena_protocol::ErrorCode;
/// Text that is a slice of what a broker has sent: names of topics. It is a `&str` wherever one is wanted.
pub use milena_protocol::Str;
/// What [`CorruptRecords`] are about.
pub use milena_protocol::records::RecordErrorKind;

// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;
