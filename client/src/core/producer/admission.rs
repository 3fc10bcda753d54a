//! Taking records in: at once where that is possible, or after a wait of `max.block.ms` at most.

use std::time::Instant;

use milena_protocol::{ErrorCode, Str};

use super::Core;
use super::accumulator::Append;
use super::io::{Action, Outcome, ProducerRecord, SendId, SentRecord, Settled, Taken};
use super::waiting::WaitingRecord;
use crate::Error;
use crate::core::metadata::Address;
use crate::core::wall_clock::WallClock;

impl Core {
    /// Takes a record: it is copied, and is the core's from now on. What becomes of it comes as [`Settled`].
    ///
    /// # Errors
    /// When the record is too large, nothing more may wait, or the producer is closed. It was not taken then.
    pub fn send(&mut self, record: &ProducerRecord<'_>, now: Instant) -> Result<Taken, Error> {
        if self.closing.is_some() {
            return Err(Error::Closed);
        }
        let bytes = self.check_size(record)?;
        if record.partition.is_some_and(|partition| partition < 0) {
            return Err(Error::Misuse("a partition is not negative"));
        }
        if record.timestamp.is_some_and(|timestamp| timestamp < 0) {
            return Err(Error::Misuse("a timestamp is not negative"));
        }
        if record.topic.is_empty() {
            return Err(Error::Misuse("a record needs the name of a topic"));
        }
        let timestamp = record.timestamp.unwrap_or_else(|| self.wall_clock.unix_ms(now));
        let id = SendId(self.last_send.0 + 1);
        let count = self.metadata.topic(record.topic).map_or(0, |topic| topic.partitions.len());
        let must_wait = self.accumulator.topic(record.topic, now).waiting.is_before_others(count)
            || self.accumulator.lacks_room && self.accumulator.waiting_bytes > 0;
        let append = match must_wait {
            true => Append::Unknown,
            false => self.accumulator.append(id, record, timestamp, &self.metadata, now),
        };
        let wakes = match append {
            Append::Done { wakes } => wakes,
            Append::TooLarge => return Err(self.too_large(bytes)),
            Append::Unknown | Append::Full => {
                if !self.accumulator.may_wait() {
                    return Err(Error::BufferFull { limit: self.accumulator.settings.buffer_memory });
                }
                let deadline = now + self.accumulator.settings.max_block;
                let waiting = WaitingRecord::new(SentRecord { id, timestamp }, record, deadline);
                self.accumulator.waiting_bytes += bytes;
                self.accumulator.topic(record.topic, now).waiting.push(waiting);
                true
            }
        };
        self.last_send = id;
        Ok(Taken { id, wakes: wakes || !self.flushes.is_empty() })
    }

    /// The wall clock shows that now. It may have been set, or have gone on while the machine slept.
    pub fn tell_time(&mut self, unix_ms: i64, now: Instant) {
        self.wall_clock = WallClock::new(now, unix_ms);
    }

    /// Whether there is room: a record would not have to wait for any.
    pub fn has_room(&self) -> bool {
        self.accumulator.has_room()
    }

    /// Whether the producer takes records.
    pub fn is_open(&self) -> bool {
        self.closing.is_none()
    }

    fn check_size(&self, record: &ProducerRecord<'_>) -> Result<usize, Error> {
        let settings = &self.accumulator.settings;
        let bytes = record.upper_bound();
        if bytes > settings.max_request_size {
            return Err(self.too_large(bytes));
        }
        if bytes > settings.buffer_memory {
            let limit = settings.buffer_memory;
            return Err(Error::RecordTooLarge { bytes, limit, property: "buffer.memory" });
        }
        Ok(bytes)
    }

    fn too_large(&self, bytes: usize) -> Error {
        let limit = self.accumulator.settings.max_request_size;
        Error::RecordTooLarge { bytes, limit, property: "max.request.size" }
    }

    /// Puts into batches what has waited for its topic or for room; of those that wait for room the oldest topic comes first.
    pub(super) fn admit(&mut self, now: Instant) {
        self.accumulator.lacks_room = false;
        if self.accumulator.waiting_bytes == 0 {
            return;
        }
        let mut topics: Vec<(SendId, Str)> = Vec::new();
        for (name, topic) in &self.accumulator.topics {
            if let Some(first) = topic.waiting.first() {
                topics.push((first, name.clone()));
            }
        }
        topics.sort_unstable();
        for (_, name) in topics {
            self.admit_topic(&name, now);
            if self.accumulator.lacks_room {
                return;
            }
        }
    }

    fn admit_topic(&mut self, name: &Str, now: Instant) {
        if let Some(code) = self.metadata.topic(name).map(|topic| topic.error)
            && !code.is_none()
            && !code.is_retriable()
        {
            self.fail_waiting(name, &Error::Topic { topic: name.to_string(), code });
            return self.forget_refused(name);
        }
        let count = self.metadata.topic(name).map_or(0, |topic| topic.partitions.len());
        if count == 0 {
            return;
        }
        self.accumulator.waiting(name).partitions_are(count);
        while let Some(record) = self.accumulator.waiting(name).pop() {
            let SentRecord { id, timestamp } = record.sent;
            match self.accumulator.append(id, &record.record(name), timestamp, &self.metadata, now) {
                Append::Done { .. } => self.accumulator.waiting_bytes -= record.bytes,
                Append::TooLarge => {
                    self.accumulator.waiting_bytes -= record.bytes;
                    let error = self.too_large(record.bytes);
                    self.settle_waiting(name, vec![record], &error);
                }
                Append::Full => return self.accumulator.waiting(name).put_back(record),
                Append::Unknown => self.accumulator.waiting(name).put_aside(record),
            }
        }
    }

    /// Fails what has waited too long.
    pub(super) fn expire_waiting(&mut self, now: Instant) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let topics = self.accumulator.topics.iter();
        let due = topics.filter(|(_, topic)| is_due(topic.waiting.deadline())).map(|(name, _)| name.clone());
        for name in due.collect::<Vec<Str>>() {
            let Some(topic) = self.accumulator.topics.get_mut(&name) else { continue };
            let records = topic.waiting.expired(now);
            self.accumulator.waiting_bytes -= records.iter().map(|record| record.bytes).sum::<usize>();
            let error = self.why_not_taken(&name);
            self.settle_waiting(&name, records, &error);
        }
    }

    /// What a record waited for in vain.
    fn why_not_taken(&self, name: &Str) -> Error {
        let known = self.metadata.topic(name);
        match (known, self.network.last_error()) {
            (None, Some((Address { host, port }, cause))) if !self.network.ever_ready => {
                Error::Unreachable { address: format!("{host}:{port}"), cause: cause.to_owned() }
            }
            (Some(known), _) if known.partitions.is_empty() => {
                let code = if known.error.is_none() { ErrorCode::LEADER_NOT_AVAILABLE } else { known.error };
                Error::Topic { topic: name.to_string(), code }
            }
            (Some(_), _) if self.accumulator.lacks_room => Error::Timeout {
                doing: "waiting for room in buffer.memory",
                after: self.accumulator.settings.max_block,
            },
            _ => {
                Error::Timeout { doing: "finding the partition", after: self.accumulator.settings.max_block }
            }
        }
    }

    pub(super) fn fail_waiting(&mut self, name: &Str, error: &Error) {
        let Some(topic) = self.accumulator.topics.get_mut(name) else { return };
        let records = topic.waiting.take();
        self.accumulator.waiting_bytes -= records.iter().map(|record| record.bytes).sum::<usize>();
        self.settle_waiting(name, records, error);
    }

    /// Forgets what the cluster has said no to, so that it is asked anew for the next record, and not before.
    fn forget_refused(&mut self, name: &Str) {
        if let Some(topic) = self.accumulator.topics.get_mut(name)
            && topic.is_unused()
        {
            topic.last_used = None;
            self.covered.remove(name);
            self.metadata.retain_topics(&self.covered);
        }
    }

    fn settle_waiting(&mut self, name: &Str, records: Vec<WaitingRecord>, error: &Error) {
        if records.is_empty() {
            return;
        }
        let settled = Settled {
            topic: name.clone(),
            partition: -1,
            records: records.into_iter().map(|record| record.sent).collect(),
            outcome: Outcome::Failed { error: error.clone(), own: Vec::new() },
        };
        self.outbox.push_back(Action::Settled(settled));
    }
}
