//! What the leaders say of the batches that they were sent.

use std::time::Instant;

use milena_protocol::messages::ProduceResponse;
use milena_protocol::messages::produce::PartitionProduceResponse;
use milena_protocol::{ErrorCode, ResponseBody};

use super::batch::{Batch, State};
use super::io::{Action, Outcome, Settled};
use super::sending::InRequest;
use super::settings::Acks;
use super::{Answered, Core};
use crate::Error;
use crate::core::metadata::Leader;
use crate::core::topic_partition::TopicPartition;

impl Core {
    /// Batches that nobody answers for are on their way.
    pub(super) fn written(&mut self, batches: Vec<InRequest>) {
        for InRequest { partition, number, .. } in batches {
            let appended = Outcome::Appended { base_offset: None, log_append_time: None };
            self.settle_numbered(&partition, number, appended);
        }
    }

    pub(super) fn produce_answered(&mut self, batches: Vec<InRequest>, answer: Answered, now: Instant) {
        let response = match answer {
            Ok((_, ResponseBody::Produce(response))) => response,
            Ok(_) => return self.lost(batches, "the broker did not answer Produce with Produce", now),
            Err(lost) => return self.lost(batches, &lost.reason, now),
        };
        for sent in batches {
            match find(&response, &sent) {
                Some(answer) => self.batch_answered(&sent, answer, &response, now),
                None => self.lost(vec![sent], "the broker left the partition out of its answer", now),
            }
        }
    }

    /// Nobody knows what has become of these.
    fn lost(&mut self, batches: Vec<InRequest>, reason: &str, now: Instant) {
        self.metadata.request_refresh();
        for InRequest { partition, number, .. } in batches {
            if self.accumulator.settings.acks == Acks::None {
                // Sent once and never again.
                let error = not_delivered(&partition, None, reason.to_owned());
                self.settle_numbered(&partition, number, Outcome::Failed { error, own: Vec::new() });
                continue;
            }
            let can_retry = self.has_attempts(&partition, number);
            self.retry_or_fail(&partition, number, can_retry, None, reason.to_owned(), now);
        }
    }

    fn batch_answered(
        &mut self,
        sent: &InRequest,
        answer: &PartitionProduceResponse,
        response: &ProduceResponse,
        now: Instant,
    ) {
        let (at, number, code) = (&sent.partition, sent.number, answer.error_code);
        if code.asks_for_metadata() {
            let hint = &answer.current_leader;
            let leader = Leader { node_id: hint.leader_id, epoch: hint.leader_epoch };
            self.metadata.update_leader(at, leader, &response.node_endpoints);
            self.metadata.request_refresh();
        }
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        // It may have been given up in the meantime.
        let Some(index) = queue.find(number) else { return };
        let (count, sequence) = (queue.batches[index].records.len(), queue.batches[index].sequence);
        if code.is_none() {
            if let Some(sequence) = sequence {
                queue.sequences.acked(sequence, count);
            }
            let appended = Outcome::Appended {
                base_offset: (answer.base_offset >= 0).then_some(answer.base_offset),
                log_append_time: (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms),
            };
            return self.settle_numbered(at, number, appended);
        }
        if code == ErrorCode::DUPLICATE_SEQUENCE_NUMBER {
            // The broker has it, and has forgotten where.
            if let Some(sequence) = sequence {
                queue.sequences.acked(sequence, count);
            }
            let appended = Outcome::Appended { base_offset: None, log_append_time: None };
            return self.settle_numbered(at, number, appended);
        }
        if code == ErrorCode::MESSAGE_TOO_LARGE && count > 1 {
            return self.split(at, number);
        }
        let message = answer.error_message.as_ref().map_or_else(String::new, ToString::to_string);
        let can_retry = self.has_attempts(at, number) && self.can_retry(at, number, answer);
        let own = own_errors(at, answer);
        if can_retry {
            return self.retry_or_fail(at, number, true, Some(code), message, now);
        }
        self.fail_batch(at, number, not_delivered(at, Some(code), message), own);
    }

    /// Whether `retries` allow one more attempt.
    fn has_attempts(&mut self, at: &TopicPartition, number: u64) -> bool {
        let retries = self.accumulator.settings.retries;
        let queue = self.accumulator.queue(&at.topic, at.partition);
        let batch = queue.and_then(|queue| queue.find(number).map(|index| &queue.batches[index]));
        batch.is_some_and(|batch| batch.attempts <= retries)
    }

    /// Whether an error may go away. Notes where sequence numbers have to begin anew for that (KIP-360).
    fn can_retry(&mut self, at: &TopicPartition, number: u64, answer: &PartitionProduceResponse) -> bool {
        let code = answer.error_code;
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return false };
        let Some(index) = queue.find(number) else { return false };
        let Some(sequence) = queue.batches[index].sequence else { return code.is_retriable() };
        let sequences = &mut queue.sequences;
        // Those before it may be in the log, and keep their numbers until they are settled.
        let is_first = index == 0;
        match code {
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                // Of those that failed one came before it, or it would be there.
                let is_gap = sequences.unresolved.is_some() || sequences.is_next(sequence);
                sequences.bump |= is_first && is_gap;
                true
            }
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                // Without the start of the log, the partition has just moved away: its new leader may know.
                sequences.bump |= is_first && answer.log_start_offset >= 0;
                true
            }
            // It was refused before it could get into the log, so that it may go there under another epoch.
            ErrorCode::INVALID_PRODUCER_EPOCH => {
                sequences.bump |= is_first;
                true
            }
            _ => code.is_retriable(),
        }
    }

    fn retry_or_fail(
        &mut self,
        at: &TopicPartition,
        number: u64,
        can_retry: bool,
        code: Option<ErrorCode>,
        reason: String,
        now: Instant,
    ) {
        let leader = self.metadata.leader(at);
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        let Some(index) = queue.find(number) else { return };
        if !can_retry {
            return self.fail_batch(at, number, not_delivered(at, code, reason), Vec::new());
        }
        let batch = &mut queue.batches[index];
        let wait = batch.backoff.fail(&mut self.rng);
        // A new leader has not been asked yet (KIP-951).
        let has_moved = leader.zip(batch.leader).is_some_and(|(now, then)| now != then);
        batch.state = State::BackingOff(if has_moved { now } else { now + wait });
        batch.trouble = Some(match code {
            Some(code) if reason.is_empty() => code.to_string(),
            Some(code) => format!("{code}: {reason}"),
            None => reason,
        });
    }

    /// Settles a batch that failed for good. What is behind it keeps its numbers until the broker has said that they leave a
    /// gap: all of it may be in the log.
    pub(super) fn fail_batch(
        &mut self,
        at: &TopicPartition,
        number: u64,
        error: Error,
        own: Vec<(usize, Error)>,
    ) {
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        let Some(index) = queue.find(number) else { return };
        let Some(batch) = queue.batches.remove(index) else { return };
        if let Some(sequence) = batch.sequence {
            queue.sequences.failed(sequence, batch.records.len());
        }
        self.settle(&at.topic, at.partition, batch, Outcome::Failed { error, own });
    }

    /// Gives up the batches whose `delivery.timeout.ms` is over.
    pub(super) fn expire_batches(&mut self, now: Instant) {
        let timeout = self.accumulator.settings.delivery_timeout;
        let mut expired = Vec::new();
        for (topic, partition, queue) in self.accumulator.queues() {
            // The oldest come first.
            let old = queue.batches.iter().take_while(|batch| batch.created + timeout <= now);
            let at = || TopicPartition { topic: topic.clone(), partition };
            expired.extend(old.map(|batch| (at(), batch.number, batch.attempts > 0, batch.trouble.clone())));
        }
        for (at, number, was_sent, trouble) in expired {
            let cause = match (trouble, was_sent) {
                (Some(trouble), _) => trouble,
                (None, true) => "no answer came".to_owned(),
                (None, false) => "it could not be sent".to_owned(),
            };
            let reason = format!("not within delivery.timeout.ms ({timeout:?}): {cause}");
            self.fail_batch(&at, number, not_delivered(&at, None, reason), Vec::new());
        }
    }

    fn settle_numbered(&mut self, at: &TopicPartition, number: u64, outcome: Outcome) {
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        if let Some(batch) = queue.find(number).and_then(|index| queue.batches.remove(index)) {
            self.settle(&at.topic, at.partition, batch, outcome);
        }
    }

    pub(super) fn settle(
        &mut self,
        topic: &milena_protocol::Str,
        partition: i32,
        batch: Batch,
        outcome: Outcome,
    ) {
        self.accumulator.release(&batch);
        let settled = Settled { topic: topic.clone(), partition, records: batch.records, outcome };
        self.outbox.push_back(Action::Settled(settled));
    }
}

fn find<'a>(response: &'a ProduceResponse, sent: &InRequest) -> Option<&'a PartitionProduceResponse> {
    let topics = response.responses.iter().filter(|topic| match topic.topic_id.is_zero() {
        true => topic.name == sent.partition.topic,
        false => topic.topic_id == sent.topic_id,
    });
    topics
        .flat_map(|topic| &topic.partition_responses)
        .find(|answer| answer.index == sent.partition.partition)
}

pub(super) fn not_delivered(at: &TopicPartition, code: Option<ErrorCode>, reason: String) -> Error {
    Error::NotDelivered { topic: at.topic.to_string(), partition: at.partition, code, reason }
}

/// What is wrong with single records (KIP-467). The others of their batch are not to blame, and can be sent again.
fn own_errors(at: &TopicPartition, answer: &PartitionProduceResponse) -> Vec<(usize, Error)> {
    let own = answer.record_errors.iter().filter_map(|record| {
        let message = record.batch_index_error_message.as_ref().or(answer.error_message.as_ref());
        let reason = message.map_or_else(String::new, ToString::to_string);
        let place = usize::try_from(record.batch_index).ok()?;
        Some((place, not_delivered(at, Some(answer.error_code), reason)))
    });
    own.collect()
}
