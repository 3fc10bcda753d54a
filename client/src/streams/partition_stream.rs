//! The worker's end of a partition.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::Stream;

use super::lane::Lane;
use crate::core::topic_partition::TopicPartition;
use crate::records::OwnedRecord;

/// The records of one partition, in the order of their offsets, for a worker of any task or thread.
///
/// Each record has to be [acknowledged](Self::ack), in any order: what is committed is the offset up to which all are, and
/// when [`max_outstanding`](super::PartitionStreams::max_outstanding) are not, no more come.
///
/// The stream ends when the partition goes to another consumer, is lost, or is read from somewhere before. Records that were
/// taken can still be acknowledged then, for the time that
/// [`hand_over_timeout`](super::PartitionStreams::hand_over_timeout) says.
///
/// A worker that fails drops its stream. When its [`Acker`]s are dropped too, the partition is handed out again, from its first
/// record that was not acknowledged.
#[derive(Debug)]
pub struct PartitionStream {
    acker: Acker,
}

/// Acknowledges the records of a [`PartitionStream`], from any task or thread.
#[derive(Debug)]
pub struct Acker {
    lane: Arc<Lane>,
}

impl PartitionStream {
    pub(super) fn new(lane: Arc<Lane>) -> Self {
        PartitionStream { acker: Acker::new(lane) }
    }

    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        self.acker.partition()
    }

    /// The record with this offset is done. See [`Acker::ack`].
    pub fn ack(&self, offset: i64) -> bool {
        self.acker.ack(offset)
    }

    /// Something to acknowledge records with elsewhere.
    pub fn acker(&self) -> Acker {
        self.acker.clone()
    }

    /// Whether the partition has gone, though its records may still be acknowledged for a while.
    pub fn is_ended(&self) -> bool {
        self.acker.is_ended()
    }
}

impl Stream for PartitionStream {
    type Item = OwnedRecord;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<OwnedRecord>> {
        self.acker.lane.poll_next(context)
    }
}

impl Acker {
    fn new(lane: Arc<Lane>) -> Self {
        lane.add_holder();
        Acker { lane }
    }

    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.lane.partition
    }

    /// The record with this offset is done: it may be committed once all before it are done, too.
    ///
    /// `false` when that changes nothing. Either the record was acknowledged before, or the stream has not given it out; or the
    /// partition has gone for good, and the next owner may read the record again.
    pub fn ack(&self, offset: i64) -> bool {
        self.lane.acknowledge(offset)
    }

    /// Whether the partition has gone, though its records may still be acknowledged for a while.
    pub fn is_ended(&self) -> bool {
        !self.lane.is_open()
    }
}

impl Clone for Acker {
    fn clone(&self) -> Self {
        Acker::new(self.lane.clone())
    }
}

impl Drop for Acker {
    fn drop(&mut self) {
        self.lane.remove_holder();
    }
}
