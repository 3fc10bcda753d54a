//! What goes into the core and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::{Api, Request, Response, Str};

pub use super::call_id::CallId;
use super::completed_fetch::{CompletedFetch, Delivered};
use super::connection::ConnectionId;
use super::fetch_report::{FetchNotice, Place};
use super::fetching::ResetTo;
use super::lookups::{Found, Question};
use super::member::{ConsumerGroupMetadata, GroupMembershipOperation};
use super::metadata::Address;
use super::report::Report;
use super::subscription::Interest;
use super::topic_partition::TopicPartition;
use crate::Error;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// A connection that was asked for is there.
    Connected {
        /// Which.
        connection: ConnectionId,
    },
    /// It could not be made, or has ended.
    Lost {
        /// Which.
        connection: ConnectionId,
        /// Why, for people to read.
        reason: String,
        /// What could not be read or written, where that is why. `None`: the network, or one of its ends.
        fault: Option<Fault>,
    },
    /// An answer came.
    Received {
        /// On this connection.
        connection: ConnectionId,
        /// The answer.
        response: Box<Response>,
    },
    /// The oldest request on this connection that expects no answer has been written. A consumer sends none such.
    Written {
        /// Which.
        connection: ConnectionId,
    },
    /// The application wants something.
    Called {
        /// To answer it by.
        call: CallId,
        /// What it wants.
        command: Command,
    },
    /// The application has its records up to there.
    Delivered(Delivered),
    /// The application has dropped its handle.
    Abandoned,
}

/// A message that ended its connection, and would end the next one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What came in answer to the oldest request cannot be read, or is larger than allowed.
    Answer,
    /// A request of this API cannot be written.
    Request(Api),
}

/// One thing to do.
#[derive(Debug)]
pub enum Action {
    /// Make a connection. [`Event::Connected`] or [`Event::Lost`] must follow.
    Connect {
        /// What to call it.
        connection: ConnectionId,
        /// Where to.
        address: Address,
    },
    /// Send a request.
    Send {
        /// On this connection.
        connection: ConnectionId,
        /// The request.
        request: Box<Request>,
    },
    /// Close a connection, or stop making it. Nothing needs to be told about it any more.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Tell the application's side what has changed. Comes before the answer of the call that it belongs to.
    Update(Update),
    /// Something for the log.
    Report(Report),
    /// Answer a call.
    Answer {
        /// Which.
        call: CallId,
        /// What came of it.
        answer: Result<Answer, Error>,
    },
    /// Nothing, until something happens or this time has come.
    Wait(Option<Instant>),
    /// Nothing any more: the consumer is closed.
    Finish,
}

impl Action {
    /// The connection that it is about, if it is about one.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Action::Connect { connection, .. }
            | Action::Send { connection, .. }
            | Action::Close { connection } => Some(*connection),
            _ => None,
        }
    }
}

/// An offset to commit, and what to keep with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetAndMetadata {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the record before it (KIP-320); `None` where it is not known.
    pub leader_epoch: Option<i32>,
    /// Any text of the application's; empty for none.
    pub metadata: String,
}

impl OffsetAndMetadata {
    /// An offset alone.
    pub fn new(offset: i64) -> Self {
        OffsetAndMetadata { offset, ..Self::default() }
    }
}

/// What to commit.
pub type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// What an application can ask for.
#[derive(Debug)]
pub enum Command {
    /// From now on this, shared with the group, which is joined within a poll.
    Subscribe(Interest),
    /// From now on these partitions, whatever the group does.
    Assign(BTreeSet<TopicPartition>),
    /// Gives up all partitions and leaves the group.
    Unsubscribe,
    /// The application has been told of a rebalance, and is done with what it did about it.
    Acknowledge(RebalanceId),
    /// Records, or an empty answer at the deadline.
    Poll {
        /// When to answer at the latest.
        deadline: Instant,
        /// Whether there are records on the application's side already, so that nothing has to be waited for.
        has_records: bool,
    },
    /// Nobody waits for the answer to the last poll any more: it is given up.
    StopPolling,
    /// Commit; `None` commits how far the records were delivered.
    Commit {
        /// What.
        offsets: Option<Offsets>,
        /// When to give up; `None` does not try again.
        deadline: Option<Instant>,
    },
    /// From now on nothing is committed without being asked, whatever `enable.auto.commit` says.
    CommitByHand,
    /// What the group has committed.
    Committed {
        /// Of these.
        partitions: BTreeSet<TopicPartition>,
        /// When to give up.
        deadline: Instant,
    },
    /// The offset of the next record to deliver.
    Position {
        /// Of this.
        partition: TopicPartition,
        /// When to give up.
        deadline: Instant,
    },
    /// Go on at this place.
    Seek(TopicPartition, Place),
    /// Go on at an end of the log, in all partitions that are assigned when none is given.
    SeekToEnd(BTreeSet<TopicPartition>, ResetTo),
    /// Stop fetching, or go on.
    Pause(BTreeSet<TopicPartition>, bool),
    /// Which topics the consumer has subscribed to.
    Subscription,
    /// Which partitions the consumer has.
    Assignment,
    /// Offsets, ends of partitions, or topics; assigned or not.
    LookUp {
        /// Which.
        question: Question,
        /// When to give up.
        deadline: Instant,
    },
    /// How many records are left of an assigned partition. Where that is not known it is found out for the next time.
    CurrentLag(TopicPartition),
    /// How many records are left, of each assigned partition.
    Lags,
    /// Join the group again at the next poll, for this reason; empty for none in particular.
    EnforceRebalance(String),
    /// As whom the group knows the consumer.
    GroupMetadata,
    /// What [`Close`](Command::Close) is to do about the group.
    OnClose(GroupMembershipOperation),
    /// Commit if that is automatic, leave the group, and finish.
    Close {
        /// When to finish at the latest.
        deadline: Instant,
    },
}

/// What came of a call that went well.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing needs to be said.
    Done,
    /// What is committed; `None` for a partition of which nothing is.
    Committed(BTreeMap<TopicPartition, Option<OffsetAndMetadata>>),
    /// A position.
    Position(i64),
    /// The topics.
    Subscription(BTreeSet<Str>),
    /// What was looked up.
    Found(Found),
    /// The partitions.
    Assignment(BTreeSet<TopicPartition>),
    /// What is left of a partition; `None` where that is not known yet.
    Lag(Option<i64>),
    /// As whom the group knows the consumer.
    GroupMetadata(ConsumerGroupMetadata),
    /// What is left of each partition; `None` where that is not known yet.
    Lags(BTreeMap<TopicPartition, Option<i64>>),
}

/// Names a [`Rebalance`] in its acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebalanceId(pub u64);

/// What the rebalance listener is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// To acknowledge it by.
    pub id: RebalanceId,
    /// What happens.
    pub kind: RebalanceKind,
    /// To these partitions.
    pub partitions: Vec<TopicPartition>,
    /// Until when it has to be acknowledged, or the consumer may be out of its group.
    pub deadline: Instant,
}

/// What happens to partitions in a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RebalanceKind {
    /// They are now the consumer's. The others that it had stay.
    Assigned,
    /// They are about to go to others. Until this is acknowledged they are the consumer's, and can be committed.
    Revoked,
    /// They are gone already: others may have them, and a commit would fail, or undo theirs.
    Lost,
}

/// What has changed, for the application's side.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Records came.
    Fetched(CompletedFetch),
    /// Something for the rebalance listener. Nothing further is done about the group until it is
    /// [acknowledged](Command::Acknowledge).
    Rebalance(Rebalance),
    /// These are about to go: nothing of them is to be delivered any more.
    Withheld(Vec<TopicPartition>),
    /// From now on the consumer has other partitions.
    Assignment {
        /// What came.
        added: Vec<TopicPartition>,
        /// What went.
        removed: Vec<TopicPartition>,
        /// What was fetched of these under a position epoch up to this is out of date.
        epoch: u64,
    },
    /// Partitions were paused, or resumed.
    Paused {
        /// Which.
        partitions: BTreeSet<TopicPartition>,
        /// Whether they are paused now.
        paused: bool,
    },
    /// What has come of these paused partitions and was not delivered takes the room that others need: it is to be thrown
    /// away, and to be told as such.
    Shed(Vec<TopicPartition>),
    /// The position of a partition was set elsewhere.
    Sought {
        /// Which.
        partition: TopicPartition,
        /// What was fetched under a position epoch up to this is out of date.
        epoch: u64,
    },
    /// A connection could not be made, or has broken. Another one is made as soon as it is needed.
    Disconnected {
        /// To where.
        address: Address,
        /// What happened, for people to read.
        reason: String,
        /// Whether the attempt before it has failed too.
        again: bool,
    },
    /// A commit in the background failed.
    CommitFailed(Error),
    /// The fetch side did something on its own.
    Notice(FetchNotice),
}
