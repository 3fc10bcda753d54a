//! What goes into the producer's core and what comes out of it.

use std::time::Instant;

use milena_protocol::records::Header;
use milena_protocol::{Request, Response, Str};

use crate::Error;
pub use crate::core::call_id::CallId;
use crate::core::connection::ConnectionId;
use crate::core::io::Fault;
use crate::core::metadata::Address;
use crate::core::report::Report;

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
    /// The oldest request on this connection that expects no answer (Produce with `acks` 0) has been written.
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
    /// The application has dropped its last handle.
    Abandoned,
}

/// What an application can ask for, other than sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send what is there, and answer when all of it has been delivered or has failed.
    Flush,
    /// Take no more records, deliver those that are there, and finish.
    Close {
        /// What is not delivered by then fails.
        deadline: Instant,
    },
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
    /// Send a request. [`Event::Written`] must follow where it expects no answer.
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
    /// Tell the application what has become of records.
    Settled(Settled),
    /// Answer a call.
    Answer {
        /// Which.
        call: CallId,
        /// What came of it.
        answer: Result<(), Error>,
    },
    /// Something for the log.
    Report(Report),
    /// A connection could not be made, or has broken. Another one is made as soon as it is needed.
    Disconnected {
        /// To where.
        address: Address,
        /// What happened, for people to read.
        reason: String,
        /// Whether the attempt before it has failed too.
        again: bool,
    },
    /// Nothing, until something happens or this time has come.
    Wait(Option<Instant>),
    /// Nothing any more: the producer is closed.
    Finish,
}

/// A record to be sent. It only borrows: what it has is copied when it is sent.
///
/// ```
/// use milena_client::ProducerRecord;
///
/// let record = ProducerRecord::new("orders").key(b"customer-7").value(b"2 apples").header("source", b"shop");
/// let tombstone = ProducerRecord::new("orders").key(b"customer-7"); // no value: compaction removes the key
/// assert_eq!((record.key, tombstone.value), (Some(&b"customer-7"[..]), None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerRecord<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition; `None` lets the key decide, or the load where there is no key.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; `None` for the time of sending.
    pub timestamp: Option<i64>,
    /// The key; `None` is Kafka's null, which is not the same as an empty one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is Kafka's null, a tombstone in topics that are compacted.
    pub value: Option<&'a [u8]>,
    /// The headers, in order; keys may repeat.
    pub headers: Vec<Header<'a>>,
}

impl<'a> ProducerRecord<'a> {
    /// A record for this topic, with neither key nor value.
    pub fn new(topic: &'a str) -> Self {
        ProducerRecord { topic, ..Self::default() }
    }

    /// With a key.
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// With a value.
    pub fn value(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// For this partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// With a timestamp, in milliseconds since 1970.
    pub fn timestamp(mut self, timestamp_ms: i64) -> Self {
        self.timestamp = Some(timestamp_ms);
        self
    }

    /// With one header more.
    pub fn header(mut self, key: &'a str, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push(Header { key: key.as_bytes(), value: Some(value.as_ref()) });
        self
    }

    /// The most bytes that it can take in a batch of its own.
    pub fn upper_bound(&self) -> usize {
        let bytes = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let header = |header: &Header<'_>| 2 * VARINT + header.key.len() + bytes(header.value);
        let headers: usize = self.headers.iter().map(header).sum();
        BATCH_OVERHEAD + RECORD_OVERHEAD + bytes(self.key) + bytes(self.value) + headers
    }
}

/// The header of a batch.
pub(super) const BATCH_OVERHEAD: usize = 61;
/// The most that a record takes besides its key, value and headers.
const RECORD_OVERHEAD: usize = 36;
const VARINT: usize = 5;

/// A record that was taken, by number: later ones are higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendId(pub u64);

/// A record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// By this number its [`Settled`] names it.
    pub id: SendId,
    /// Whether there may be something to do before the time that the last [`Action::Wait`] gave.
    pub wakes: bool,
}

/// A record that has got its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentRecord {
    /// Its number.
    pub id: SendId,
    /// Its timestamp.
    pub timestamp: i64,
}

/// Records whose fate is known, in the order in which they were sent.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Their topic.
    pub topic: Str,
    /// Their partition; -1 where they had none yet.
    pub partition: i32,
    /// Which.
    pub records: Vec<SentRecord>,
    /// What has become of them.
    pub outcome: Outcome,
}

/// What has become of records.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// They are in the log.
    Appended {
        /// The offset of the first; the others follow. `None` where the broker does not tell.
        base_offset: Option<i64>,
        /// When the broker appended them, where the topic keeps that time.
        log_append_time: Option<i64>,
    },
    /// They are not, or it is not known.
    Failed {
        /// Why.
        error: Error,
        /// Those that have a reason of their own, by their place.
        own: Vec<(usize, Error)>,
    },
}

impl Settled {
    /// What to tell of each.
    pub fn each(&self) -> impl Iterator<Item = (SendId, Result<RecordMetadata, Error>)> + '_ {
        self.records.iter().enumerate().map(|(i, record)| (record.id, self.result(i, record)))
    }

    fn result(&self, i: usize, record: &SentRecord) -> Result<RecordMetadata, Error> {
        match &self.outcome {
            Outcome::Appended { base_offset, log_append_time } => Ok(RecordMetadata {
                topic: self.topic.clone(),
                partition: self.partition,
                offset: base_offset.map(|offset| offset + i as i64),
                timestamp: log_append_time.unwrap_or(record.timestamp),
            }),
            Outcome::Failed { error, own } => {
                let own = own.iter().find(|(place, _)| *place == i).map(|(_, error)| error);
                Err(own.unwrap_or(error).clone())
            }
        }
    }
}

/// Where a record is now (Kafka's `RecordMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The topic's name.
    pub topic: Str,
    /// The partition.
    pub partition: i32,
    /// The offset; `None` with `acks=0`, and where the broker found that it had the record already and no longer knew
    /// where.
    pub offset: Option<i64>,
    /// The record's timestamp, in milliseconds since 1970: that of its creation, or where the topic has it so the time at
    /// which the broker appended it.
    pub timestamp: i64,
}
