//! What a producer is like: how it is configured, and what the application that has it does with it.

use std::time::Duration;

use milena_client::core::producer::settings::Acks;
use milena_client::{Error, ProducerConfig};
use milena_protocol::records::Compression;
use milena_protocol::{Api, ErrorCode};

use crate::history::{History, Kind, bootstrap_servers};
use crate::promises::Promise;
use crate::rng::Rng;
use crate::spoil;

/// The first version of Fetch that knows Zstandard (KIP-110).
const ZSTD: i16 = 10;
/// More than any history lasts.
const EVER: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Habits {
    pub acks: Acks,
    is_idempotent: bool,
    max_in_flight: usize,
    retries: i32,
    compression: Compression,
    linger: Duration,
    batch_size: i32,
    buffer_memory: i64,
    request_timeout: Duration,
    delivery_timeout: Duration,
    max_block: Duration,
    ignores_keys: bool,
    availability_timeout: Duration,
    /// How many of its records have a partition, and how many of the others have a key, in percent.
    pub with_partition: u64,
    pub with_key: u64,
    /// The most bytes that a record has besides its number.
    pub padding: u64,
    /// How many records are for a partition that is not there, in percent.
    pub beyond: u64,
    /// It sends only when there is room.
    pub waits_for_room: bool,
    /// How often it flushes after it has sent something, in percent.
    pub flushes: u64,
    has_errors: bool,
    has_limit: bool,
    /// Leaders may lose what they knew of it. As in Java, who has acknowledged what follows cannot be told what comes before.
    may_lose: bool,
}

impl Habits {
    pub fn draw(history: &History, rng: &mut Rng) -> Habits {
        let acks = *rng.pick(&[Acks::All, Acks::All, Acks::All, Acks::All, Acks::Leader, Acks::None]);
        let is_idempotent = acks == Acks::All && rng.percent(80);
        let most = if is_idempotent { 5 } else { 8 };
        let old_fetch = history.versions.iter().any(|&(api, version)| api == Api::Fetch && version < ZSTD);
        let compressions = if old_fetch { &Compression::ALL[..4] } else { &Compression::ALL[..] };
        let is_plain = rng.percent(40);
        let linger = Duration::from_millis(*rng.pick(&[0, 5, 50, 300]));
        let request_timeout = Duration::from_millis(*rng.pick(&[1_000, 3_000]));
        let patience = Duration::from_millis(*rng.pick(&[0, 500, 3_000]));
        let gives_up = history.gives_up;
        Habits {
            acks,
            is_idempotent,
            max_in_flight: *rng.pick(&[5, 5, 2, 1, most]),
            retries: if gives_up && rng.percent(30) { rng.within(1..=3) as i32 } else { i32::MAX },
            compression: if is_plain { Compression::None } else { *rng.pick(compressions) },
            linger,
            batch_size: *rng.pick(&[0, 100, 16_384]),
            buffer_memory: *rng.pick(&[700, 32 << 20, 32 << 20]),
            request_timeout,
            delivery_timeout: if gives_up && rng.percent(70) {
                linger + request_timeout + patience
            } else {
                EVER
            },
            max_block: if gives_up && rng.percent(70) { Duration::from_millis(1_500) } else { EVER },
            ignores_keys: rng.percent(10),
            availability_timeout: Duration::from_millis(*rng.pick(&[0, 0, 200])),
            with_partition: *rng.pick(&[0, 50, 100, 100]),
            with_key: *rng.pick(&[0, 50, 100]),
            padding: *rng.pick(&[0, 0, 40, 200]),
            beyond: if gives_up { *rng.pick(&[0, 0, 5]) } else { 0 },
            waits_for_room: rng.percent(50),
            flushes: *rng.pick(&[0, 0, 10, 50]),
            has_errors: history.has(Kind::Errors),
            has_limit: history.message_max_bytes.is_some(),
            may_lose: history.has(Kind::Truncate),
        }
    }

    pub fn config(&self, name: &str) -> ProducerConfig {
        ProducerConfig::new(&bootstrap_servers())
            .expect("these are addresses")
            .client_id(name)
            .acks(self.acks)
            .enable_idempotence(self.is_idempotent)
            .max_in_flight_requests_per_connection(self.max_in_flight)
            .retries(self.retries)
            .compression_type(self.compression)
            .linger(self.linger)
            .batch_size(self.batch_size)
            .buffer_memory(self.buffer_memory)
            .request_timeout(self.request_timeout)
            .delivery_timeout(self.delivery_timeout)
            .max_block(self.max_block)
            .partitioner_ignore_keys(self.ignores_keys)
            .partitioner_availability_timeout(self.availability_timeout)
            .socket_connection_setup_timeout(Duration::from_millis(2_000))
    }

    pub fn promise(&self) -> Promise {
        match (self.acks, self.is_idempotent, self.max_in_flight) {
            (Acks::None, ..) => Promise::AtMostOnce,
            (_, true, _) => Promise::Once,
            (_, _, 1) => Promise::InOrder,
            _ => Promise::AtLeastOnce,
        }
    }

    /// Whether the key alone says to which partition a record goes, for as long as there are as many of them.
    pub fn goes_by_key(&self) -> bool {
        !self.ignores_keys
    }

    /// Within what time it must be known what has become of a record.
    pub fn patience(&self) -> Duration {
        self.max_block + self.delivery_timeout
    }

    /// Whether a record may fail so. `is_sent`: it has got as far as into a batch. `is_nowhere`: it is for a partition that there
    /// is not.
    pub fn is_acceptable(&self, error: &Error, is_sent: bool, is_nowhere: bool) -> bool {
        let has_few = self.retries < i32::MAX;
        match error {
            Error::NotDelivered { code: None, .. } => {
                let may_expire = self.delivery_timeout < EVER || self.may_lose;
                is_sent && (has_few || may_expire || self.acks == Acks::None)
            }
            Error::NotDelivered { code: Some(ErrorCode::MESSAGE_TOO_LARGE), .. } => {
                is_sent && (self.has_limit || self.has_errors)
            }
            Error::NotDelivered { code: Some(code), .. } => {
                let is_over = has_few && (code.is_retriable() || spoil::is_about_numbers(*code));
                is_sent && (is_over || self.has_errors && spoil::is_final(*code))
            }
            Error::Broker { code, .. } => self.has_errors && *code == spoil::NO_ID,
            Error::Timeout { .. } | Error::Topic { .. } | Error::Unreachable { .. } => {
                !is_sent && (self.max_block < EVER || is_nowhere)
            }
            _ => false,
        }
    }
}
