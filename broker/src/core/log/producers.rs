//! What a log knows of its producers: which batches it has of each, so that one that comes again is not appended again,
//! and none is left out (Kafka's `ProducerStateManager` and `ProducerAppendInfo`, KIP-98).

use std::collections::{BTreeMap, VecDeque};

use milena_protocol::ErrorCode;
use milena_protocol::records::{BatchHeader, ControlKind};

/// How many batches of a producer are known, and so how many it may have on their way at once.
const BATCHES_KEPT: usize = 5;

/// How many producers a log knows.
const MOST: usize = 10_000;

/// An epoch, or a sequence number, that is not known.
const NONE: i16 = -1;

/// What a log knows of one producer.
#[derive(Clone, Debug)]
struct Producer {
    epoch: i16,
    coordinator_epoch: i32,
    last_timestamp: i64,
    /// The first offset of the transaction that is going on.
    transaction: Option<i64>,
    /// The last batches, the oldest first; all of this epoch.
    batches: VecDeque<Appended>,
}

/// What says where a producer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastRecord {
    /// The batch with data that ends here.
    Data { offset: i64 },
    /// The end of a transaction, under this epoch.
    Marker { epoch: i16 },
}

/// A batch of a producer, as it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub first_sequence: i32,
    pub last_sequence: i32,
    pub first_offset: i64,
    pub last_offset: i64,
    pub timestamp: i64,
}

/// What a log makes of a batch that has a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next.
    Next,
    /// It is there already.
    Duplicate(Appended),
}

/// A transaction that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub producer_id: i64,
    pub first_offset: i64,
    pub last_offset: i64,
    pub is_aborted: bool,
}

/// Transactional records are on their way that are not in the log yet (Kafka's `VerificationStateEntry`).
#[derive(Clone, Copy, Debug)]
struct Expected {
    epoch: i16,
    /// Of what has come; what begins behind it has overtaken it.
    lowest_sequence: i32,
    /// Whether each transaction has an epoch of its own (KIP-890).
    bumps: bool,
    since_ms: i64,
}

/// The producers of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    known: BTreeMap<i64, Producer>,
    /// Transactions that are going on, by their first offset.
    ongoing: BTreeMap<i64, i64>,
    expected: BTreeMap<i64, Expected>,
}

impl Producers {
    /// Whether this batch of a client's may be appended at `offset`. Nothing changes yet.
    ///
    /// # Errors
    /// The code that Kafka answers with.
    pub fn check(&self, batch: &BatchHeader) -> Result<Verdict, ErrorCode> {
        let known = self.known.get(&batch.producer_id);
        let last_sequence = last_sequence(batch);
        if let Some(known) = known {
            let same = |kept: &&Appended| {
                (kept.first_sequence, kept.last_sequence) == (batch.base_sequence, last_sequence)
            };
            let kept = known.batches.iter().find(same);
            if let Some(&kept) = kept.filter(|_| batch.producer_epoch == known.epoch) {
                return Ok(Verdict::Duplicate(kept));
            }
            if batch.producer_epoch < known.epoch {
                return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
            }
        }
        if let Some(expected) = self.expected.get(&batch.producer_id) {
            let is_new = known.is_none_or(|known| known.batches.is_empty());
            let begins_late = expected.bumps && is_new && batch.base_sequence != 0;
            if begins_late || batch.base_sequence > expected.lowest_sequence {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        }
        let Some(known) = known else {
            // After retention has removed a producer's records nothing is known of it, and any sequence is as good.
            return Ok(Verdict::Next);
        };
        if batch.producer_epoch != known.epoch {
            if batch.base_sequence != 0 && known.epoch != NONE {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        } else {
            let last = known.batches.back().map_or(i32::from(NONE), |last| last.last_sequence);
            if known.epoch != NONE && batch.base_sequence != following(last) {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        }
        if known.transaction.is_some() && !batch.is_transactional {
            return Err(ErrorCode::INVALID_TXN_STATE);
        }
        Ok(Verdict::Next)
    }

    /// Whether the transaction of these records, that a client has sent, has yet to be looked at: it is not going on here.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_PRODUCER_EPOCH`].
    pub fn begin_verification(
        &mut self,
        producer_id: i64,
        epoch: i16,
        sequence: i32,
        bumps: bool,
        wall_ms: i64,
    ) -> Result<bool, ErrorCode> {
        let known = self.known.get(&producer_id);
        if known.is_some_and(|known| epoch < known.epoch) {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if known.is_some_and(|known| known.transaction.is_some() && known.epoch == epoch) {
            return Ok(false);
        }
        if self.expected.len() >= MOST {
            self.expected.clear();
        }
        let first = Expected { epoch, lowest_sequence: sequence, bumps, since_ms: wall_ms };
        let expected = self.expected.entry(producer_id).or_insert(first);
        if epoch > expected.epoch {
            (expected.epoch, expected.lowest_sequence) = (epoch, sequence);
        } else if epoch == expected.epoch {
            expected.lowest_sequence = expected.lowest_sequence.min(sequence);
        }
        Ok(true)
    }

    /// A batch was appended. Its header is that of the batch in the log.
    pub fn appended(&mut self, batch: &BatchHeader) {
        if batch.is_transactional {
            self.expected.remove(&batch.producer_id);
        }
        self.make_room();
        let producer = self.known.entry(batch.producer_id).or_insert_with(Producer::unknown);
        producer.enter(batch.producer_epoch);
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Appended {
            first_sequence: batch.base_sequence,
            last_sequence: last_sequence(batch),
            first_offset: batch.base_offset,
            last_offset: batch.last_offset,
            timestamp: batch.max_timestamp,
        });
        producer.last_timestamp = batch.max_timestamp;
        if batch.is_transactional && producer.transaction.is_none() {
            producer.transaction = Some(batch.base_offset);
            self.ongoing.insert(batch.base_offset, batch.producer_id);
        }
    }

    /// Whether the end of a transaction may be written.
    ///
    /// # Errors
    /// The code that Kafka answers with.
    pub fn check_marker(
        &self,
        producer_id: i64,
        epoch: i16,
        coordinator_epoch: i32,
        bumped: bool,
    ) -> Result<(), ErrorCode> {
        let Some(known) = self.known.get(&producer_id) else {
            return Ok(());
        };
        // KIP-890: the coordinator raises the epoch before it writes the marker, so an equal one is late, unless the
        // same marker comes again.
        let is_late = if bumped { epoch <= known.epoch } else { epoch < known.epoch };
        let is_again = bumped && epoch == known.epoch && (known.transaction.is_none() || epoch == i16::MAX);
        if is_late && !is_again {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if known.coordinator_epoch > coordinator_epoch {
            return Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED);
        }
        Ok(())
    }

    /// The end of a transaction was written; gives back the transaction that it ended, unless it was empty.
    pub fn marked(
        &mut self,
        batch: &BatchHeader,
        kind: ControlKind,
        coordinator_epoch: i32,
    ) -> Option<Ended> {
        // Records of the next transaction may be on their way already, under the next epoch.
        let is_next = |expected: &Expected| expected.bumps && expected.epoch == batch.producer_epoch;
        if !self.expected.get(&batch.producer_id).is_some_and(is_next) {
            self.expected.remove(&batch.producer_id);
        }
        self.make_room();
        let producer = self.known.entry(batch.producer_id).or_insert_with(Producer::unknown);
        producer.enter(batch.producer_epoch);
        producer.coordinator_epoch = coordinator_epoch;
        producer.last_timestamp = batch.max_timestamp;
        let first_offset = producer.transaction.take()?;
        self.ongoing.remove(&first_offset);
        Some(Ended {
            producer_id: batch.producer_id,
            first_offset,
            last_offset: batch.last_offset,
            is_aborted: kind == ControlKind::Abort,
        })
    }

    /// The first offset of the oldest transaction that is going on.
    pub fn first_ongoing(&self) -> Option<i64> {
        self.ongoing.first_key_value().map(|(&offset, _)| offset)
    }

    /// The producer's epoch, if it is known.
    #[cfg(test)]
    pub fn epoch(&self, producer_id: i64) -> Option<i16> {
        self.known.get(&producer_id).map(|known| known.epoch)
    }

    /// Forgets producers that have written nothing since then (`producer.id.expiration.ms`).
    pub fn expire(&mut self, before_ms: i64) {
        self.known.retain(|_, known| known.transaction.is_some() || known.last_timestamp > before_ms);
        self.expected.retain(|_, expected| expected.since_ms > before_ms);
    }

    /// The last record of each producer.
    pub fn last_records(&self) -> BTreeMap<i64, LastRecord> {
        let last = |known: &Producer| match known.batches.back() {
            Some(last) => LastRecord::Data { offset: last.last_offset },
            None => LastRecord::Marker { epoch: known.epoch },
        };
        self.known.iter().map(|(id, known)| (*id, last(known))).collect()
    }

    /// The earliest time that a producer without an open transaction has written.
    pub fn oldest_ms(&self) -> Option<i64> {
        let idle = self.known.values().filter(|known| known.transaction.is_none());
        let expected = self.expected.values().map(|expected| expected.since_ms);
        idle.map(|known| known.last_timestamp).chain(expected).min()
    }

    /// Of too many producers those go that have written nothing for longest, as they would have gone by themselves.
    fn make_room(&mut self) {
        if self.known.len() < MOST {
            return;
        }
        let idle = self.known.iter().filter(|(_, known)| known.transaction.is_none());
        let mut times: Vec<i64> = idle.map(|(_, known)| known.last_timestamp).collect();
        let many = times.len() / 10;
        if many > 0 {
            let (_, limit, _) = times.select_nth_unstable(many);
            let limit = *limit;
            self.known.retain(|_, known| known.transaction.is_some() || known.last_timestamp > limit);
        }
    }
}

impl Producer {
    fn unknown() -> Self {
        Producer {
            epoch: NONE,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction: None,
            batches: VecDeque::new(),
        }
    }

    /// A new epoch begins with sequence 0: the batches of the old one are no longer of use.
    fn enter(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.batches.clear();
            self.epoch = epoch;
        }
    }
}

/// Sequence numbers go from the largest back to 0.
fn following(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

/// The sequence number of a batch's last record.
pub(crate) fn last_sequence(batch: &BatchHeader) -> i32 {
    if batch.base_sequence < 0 {
        return batch.base_sequence;
    }
    let delta = batch.last_offset.wrapping_sub(batch.base_offset) as i32;
    // Sequence numbers go from the largest back to 0.
    (i64::from(batch.base_sequence) + i64::from(delta)).rem_euclid(1 << 31) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_protocol::records::{BatchBuilder, Batches};

    fn batch(epoch: i16, sequence: i32, count: usize, offset: i64, transactional: bool) -> BatchHeader {
        let mut builder = BatchBuilder::new();
        builder.set_producer(1, epoch, sequence).set_base_offset(offset).set_transactional(transactional);
        (0..count).for_each(|_| builder.append(1000, None, None, &[]).unwrap());
        let blob = builder.build();
        Batches::new(&blob).next().unwrap().unwrap().header()
    }

    #[test]
    fn a_batch_that_comes_again_is_known() {
        let mut producers = Producers::default();
        for n in 0..6 {
            let batch = batch(0, n * 2, 2, i64::from(n) * 2, false);
            assert_eq!(producers.check(&batch), Ok(Verdict::Next));
            producers.appended(&batch);
        }
        let again = producers.check(&batch(0, 4, 2, 0, false)).unwrap();
        assert!(matches!(again, Verdict::Duplicate(kept) if kept.first_offset == 4 && kept.last_offset == 5));
        // Of more than five batches nothing is kept.
        assert_eq!(producers.check(&batch(0, 0, 2, 0, false)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn a_gap_is_out_of_order_and_an_unknown_producer_is_not() {
        let mut producers = Producers::default();
        assert_eq!(producers.check(&batch(0, 17, 1, 0, false)), Ok(Verdict::Next));
        producers.appended(&batch(0, 17, 1, 0, false));
        assert_eq!(producers.check(&batch(0, 19, 1, 0, false)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(producers.check(&batch(0, 18, 1, 0, false)), Ok(Verdict::Next));
    }

    #[test]
    fn a_new_epoch_begins_with_sequence_0_and_fences_the_old_one() {
        let mut producers = Producers::default();
        producers.appended(&batch(3, 0, 1, 0, false));
        assert_eq!(producers.check(&batch(4, 1, 1, 1, false)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        producers.appended(&batch(4, 0, 1, 1, false));
        assert_eq!(producers.check(&batch(3, 1, 1, 2, false)), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    }

    #[test]
    fn sequence_numbers_go_round() {
        let mut producers = Producers::default();
        let last = batch(0, i32::MAX - 1, 2, 0, false);
        assert_eq!(last_sequence(&last), i32::MAX);
        producers.appended(&last);
        assert_eq!(producers.check(&batch(0, 0, 1, 2, false)), Ok(Verdict::Next));
        assert_eq!(last_sequence(&batch(0, i32::MAX, 3, 0, false)), 1);
    }

    #[test]
    fn a_transaction_lasts_from_its_first_batch_to_its_marker() {
        let mut producers = Producers::default();
        producers.appended(&batch(0, 0, 2, 10, true));
        producers.appended(&batch(0, 2, 1, 12, true));
        assert_eq!(producers.first_ongoing(), Some(10));
        assert_eq!(producers.check(&batch(0, 3, 1, 13, false)), Err(ErrorCode::INVALID_TXN_STATE));
        assert_eq!(producers.check_marker(1, 0, 0, true), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(producers.check_marker(1, 1, 0, true), Ok(()));
        let ended = producers.marked(&batch(1, -1, 1, 13, true), ControlKind::Abort, 0);
        let expected = Ended { producer_id: 1, first_offset: 10, last_offset: 13, is_aborted: true };
        assert_eq!((ended, producers.first_ongoing()), (Some(expected), None));
        assert_eq!(producers.check_marker(1, 1, 0, true), Ok(()), "the same marker again");
        assert_eq!(producers.check_marker(1, 2, -1, true), Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED));
        assert_eq!(producers.check(&batch(1, 0, 1, 14, true)), Ok(Verdict::Next));
    }
}
