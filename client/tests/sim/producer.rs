//! A producer: the core, and an application that sends a few records now and then, flushes and closes, and remembers what became
//! of what it sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use milena_client::core::producer::Core;
use milena_client::core::producer::io::{CallId, Command, Event, Outcome, SendId, Settled};
use milena_client::core::producer::settings::Acks;
use milena_client::{Error, ProducerRecord, TopicPartition};

use crate::checks::Value;
use crate::habits::Habits;
use crate::network::ClientId;
use crate::rng::Rng;

/// How long it waits before it looks for room again.
const PAUSE: Duration = Duration::from_millis(50);
const KEYS: usize = 8;
/// No topic has so many.
const NO_PARTITION: i32 = 99;

#[derive(Debug)]
pub struct Producer {
    pub id: ClientId,
    pub core: Core,
    pub habits: Habits,
    rng: Rng,
    every_ms: u64,
    /// Whether topics keep the partitions that they have.
    is_settled: bool,
    last_value: Value,
    /// What has been sent and is not settled.
    under_way: BTreeMap<SendId, Sent>,
    /// Where records with this key went.
    by_key: BTreeMap<(String, u8), i32>,
    /// What the core has told, and is to be looked at.
    pub fates: Vec<Fate>,
    pub deadline: Option<Instant>,
    sends_at: Option<Instant>,
    /// Partitions that are to get one more record, whatever happens.
    last_words: VecDeque<TopicPartition>,
    last_call: u64,
    /// A flush that is not answered, and what it waits for.
    flush: Option<(CallId, SendId)>,
    last_sent: SendId,
    ending: Ending,
}

/// A record that is under way.
#[derive(Debug)]
struct Sent {
    topic: String,
    partition: Option<i32>,
    key: Option<u8>,
    value: Value,
    at: Instant,
    is_last_word: bool,
}

/// What has become of a record.
#[derive(Debug)]
pub enum Fate {
    Appended(TopicPartition, Option<i64>, Value),
    /// It may be in the log, or not.
    GivenUp(Value),
    /// It was not taken, or it had no partition yet when it failed.
    Unsent(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    /// By this call, and with this deadline.
    Closing(CallId, Instant),
    /// Its last handle is gone.
    Abandoned,
}

impl Producer {
    pub fn new(
        id: ClientId,
        habits: Habits,
        mut rng: Rng,
        every_ms: u64,
        is_settled: bool,
        (now, unix_ms): (Instant, i64),
    ) -> Self {
        let config = habits.config(&format!("p{id}"));
        let core = Core::new(&config, rng.next_u64(), now, unix_ms).expect("its properties go together");
        Producer {
            id,
            core,
            habits,
            rng,
            every_ms,
            is_settled,
            last_value: (id as Value) << 32,
            under_way: BTreeMap::new(),
            by_key: BTreeMap::new(),
            fates: Vec::new(),
            deadline: Some(now),
            sends_at: Some(now),
            last_words: VecDeque::new(),
            last_call: 0,
            flush: None,
            last_sent: SendId::default(),
            ending: Ending::Open,
        }
    }

    pub fn wakes_at(&self) -> Option<Instant> {
        [self.deadline, self.sends_at].into_iter().flatten().min()
    }

    /// Sends, if it is time to.
    pub fn go_on(&mut self, partitions: &[TopicPartition], now: Instant) {
        if self.sends_at.is_none_or(|at| at > now) {
            return;
        }
        if !self.last_words.is_empty() {
            return self.say_last_words(now);
        }
        let pause = self.rng.millis(1..=self.every_ms);
        for _ in 0..self.rng.within(1..=8) {
            if self.habits.waits_for_room && !self.core.has_room() {
                self.sends_at = Some(now + PAUSE);
                return;
            }
            let partition = self.rng.pick(partitions).clone();
            self.send_somehow(partition, now);
        }
        self.sends_at = Some(now + pause);
        if self.flush.is_none() && self.rng.percent(self.habits.flushes) {
            let call = self.call(Command::Flush, now);
            self.flush = Some((call, self.last_sent));
        }
    }

    fn send_somehow(&mut self, mut at: TopicPartition, now: Instant) {
        if self.rng.percent(self.habits.beyond) {
            at.partition = NO_PARTITION;
        }
        let partition = self.rng.percent(self.habits.with_partition).then_some(at.partition);
        let key = self.rng.percent(self.habits.with_key).then(|| self.rng.below(KEYS) as u8);
        let padding = self.rng.within(0..=self.habits.padding) as usize;
        self.send(&at.topic, partition, key, padding, false, now);
    }

    fn say_last_words(&mut self, now: Instant) {
        self.sends_at = None;
        while let Some(at) = self.last_words.pop_front() {
            if !self.send(&at.topic, Some(at.partition), None, 0, true, now) {
                self.last_words.push_front(at);
                self.sends_at = Some(now + PAUSE);
                return;
            }
        }
    }

    /// Says whether the record was taken.
    fn send(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: Option<u8>,
        padding: usize,
        is_last_word: bool,
        now: Instant,
    ) -> bool {
        self.last_value += 1;
        let (bytes, value) = (self.last_value.to_be_bytes(), self.last_value);
        let (key_bytes, padding) = ([key.unwrap_or_default()], vec![b'-'; padding]);
        let mut record = ProducerRecord::new(topic).value(&bytes);
        record.partition = partition;
        record.key = key.is_some().then_some(&key_bytes[..]);
        if !padding.is_empty() {
            record = record.header("padding", &padding);
        }
        match self.core.send(&record, now) {
            Ok(taken) => {
                let topic = topic.to_owned();
                let sent = Sent { topic, partition, key, value, at: now, is_last_word };
                self.under_way.insert(taken.id, sent);
                self.last_sent = taken.id;
                true
            }
            // It goes on all the same, and does without that record.
            Err(Error::BufferFull { .. }) => {
                self.fates.push(Fate::Unsent(value));
                false
            }
            Err(error) => panic!("producer {} does not take {value}: {error}", self.id),
        }
    }

    fn call(&mut self, command: Command, now: Instant) -> CallId {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.core.handle(Event::Called { call, command }, now);
        self.deadline = Some(now);
        call
    }

    /// It sends no more, but for a record for each of these partitions.
    pub fn end(&mut self, partitions: Vec<TopicPartition>, now: Instant) {
        self.sends_at = (!partitions.is_empty()).then_some(now);
        self.last_words = partitions.into();
    }

    /// It closes, and takes until then at most.
    pub fn close(&mut self, deadline: Instant, now: Instant) {
        let call = self.call(Command::Close { deadline }, now);
        (self.sends_at, self.ending) = (None, Ending::Closing(call, deadline));
    }

    /// The application drops it, and goes on without.
    pub fn abandon(&mut self, now: Instant) {
        self.core.handle(Event::Abandoned, now);
        (self.sends_at, self.ending, self.deadline) = (None, Ending::Abandoned, Some(now));
    }

    pub fn is_open(&self) -> bool {
        self.ending == Ending::Open
    }

    /// Whether what it sends is sure to arrive when nothing goes wrong.
    pub fn is_sure(&self) -> bool {
        self.is_open() && self.habits.acks != Acks::None
    }

    pub fn is_done(&self) -> bool {
        let is_silent = self.sends_at.is_none() && self.last_words.is_empty();
        is_silent && self.under_way.is_empty() && self.flush.is_none() && self.ending == Ending::Open
    }

    /// The core has answered a call.
    pub fn answered(&mut self, call: CallId, answer: Result<(), Error>, now: Instant) {
        let id = self.id;
        if let Some((_, up_to)) = self.flush.take_if(|(flush, _)| *flush == call) {
            let first = self.under_way.first_key_value().map(|(id, _)| *id);
            assert!(first.is_none_or(|first| first > up_to), "producer {id} has not flushed {first:?}");
            assert_eq!(answer, Ok(()), "producer {id} flushes");
            return;
        }
        let Ending::Closing(close, deadline) = self.ending else { panic!("producer {id} answers {call:?}") };
        assert_eq!(call, close, "producer {id} answers another call");
        assert!(now <= deadline, "producer {id} closes late");
        let is_acceptable = matches!(answer, Ok(()) | Err(Error::Timeout { .. }));
        assert!(is_acceptable, "producer {id} closes: {answer:?}");
    }

    /// The core is finished.
    pub fn finished(&self) {
        assert!(!self.is_open(), "producer {} finishes, and was not closed", self.id);
        assert!(self.under_way.is_empty(), "producer {} has left {:?}", self.id, self.under_way);
    }

    /// The core tells what has become of records.
    pub fn settled(&mut self, settled: &Settled, now: Instant) {
        for (place, record) in (0..).zip(&settled.records) {
            let sent = self.under_way.remove(&record.id).expect("each record is settled once");
            let took = now - sent.at;
            assert!(
                took <= self.habits.patience(),
                "producer {} settles {} after {took:?}",
                self.id,
                sent.value
            );
            let is_sent = settled.partition >= 0;
            if is_sent {
                self.check_partition(&sent, settled.partition);
            }
            match &settled.outcome {
                Outcome::Appended { base_offset, .. } => {
                    assert!(is_sent, "{} is in no partition", sent.value);
                    let partition = TopicPartition::new(&settled.topic, settled.partition);
                    let offset = base_offset.map(|base_offset| base_offset + place);
                    self.fates.push(Fate::Appended(partition, offset, sent.value));
                }
                Outcome::Failed { error, .. } => {
                    self.check_failure(&sent, error, is_sent);
                    let fate = if is_sent { Fate::GivenUp } else { Fate::Unsent };
                    self.fates.push(fate(sent.value));
                    if sent.is_last_word {
                        let partition = sent.partition.expect("last words are for a partition");
                        self.last_words.push_back(TopicPartition::new(&sent.topic, partition));
                        self.sends_at = Some(now + PAUSE);
                    }
                }
            }
        }
    }

    fn check_partition(&mut self, sent: &Sent, partition: i32) {
        if let Some(asked) = sent.partition {
            assert_eq!(partition, asked, "producer {}: the partition of {}", self.id, sent.value);
        } else if let Some(key) = sent.key.filter(|_| self.is_settled && self.habits.goes_by_key()) {
            let known = *self.by_key.entry((sent.topic.clone(), key)).or_insert(partition);
            assert_eq!(partition, known, "producer {}: the partition of key {key}", self.id);
        }
    }

    fn check_failure(&self, sent: &Sent, error: &Error, is_sent: bool) {
        let is_closing = matches!(self.ending, Ending::Closing(..)) && *error == Error::Closed;
        let is_nowhere = sent.partition == Some(NO_PARTITION);
        let is_acceptable = is_closing || self.habits.is_acceptable(error, is_sent, is_nowhere);
        assert!(is_acceptable, "producer {} has not delivered {}: {error}", self.id, sent.value);
    }
}
