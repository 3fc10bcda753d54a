//! What the fetch side of the consumer is configured with.

use std::time::Duration;

use milena_protocol::Str;

/// The default of [`Config::buffer_bytes`].
pub(crate) const BUFFER_BYTES: usize = 64 << 20;

/// The fetch side's settings, by Kafka's names in snake_case; the defaults are those of Kafka 4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// `fetch.min.bytes`: the broker waits for that much.
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`: the broker waits no longer.
    pub fetch_max_wait: Duration,
    /// `fetch.max.bytes`: the most that a response should hold; a first batch that is larger comes whole.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`: the same for each partition in a response.
    pub max_partition_fetch_bytes: i32,
    /// `isolation.level`.
    pub isolation_level: IsolationLevel,
    /// `client.rack`: where this client is, or empty. Brokers may then name a nearer replica.
    pub client_rack: Str,
    /// `auto.offset.reset`.
    pub auto_offset_reset: ResetPolicy,
    /// `retry.backoff.ms`: how long to wait after an error; it doubles while errors go on.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: where the doubling ends.
    pub retry_backoff_max: Duration,
    /// `request.timeout.ms`: how long a broker may take over a request for offsets.
    pub request_timeout: Duration,
    /// The most bytes of records that the client holds, those on their way and what was decompressed included. (milena's
    /// own; Java has no such limit.) Only single batches that are larger can pass it.
    pub buffer_bytes: usize,
}

impl Default for FetchSettings {
    fn default() -> Self {
        FetchSettings {
            fetch_min_bytes: 1,
            fetch_max_wait: Duration::from_millis(500),
            fetch_max_bytes: 50 << 20,
            max_partition_fetch_bytes: 1 << 20,
            isolation_level: IsolationLevel::default(),
            client_rack: Str::default(),
            auto_offset_reset: ResetPolicy::default(),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            request_timeout: Duration::from_secs(30),
            buffer_bytes: BUFFER_BYTES,
        }
    }
}

impl FetchSettings {
    /// How long to wait after so many failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let doubled = self.retry_backoff.saturating_mul(1 << doublings);
        doubled.min(self.retry_backoff_max).max(self.retry_backoff)
    }
}

/// Which transactional records are delivered (`isolation.level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All, also those of open and of aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions; nothing past the first open one.
    ReadCommitted,
}

impl IsolationLevel {
    /// The number that stands for it on the wire.
    pub fn code(self) -> i8 {
        match self {
            IsolationLevel::ReadUncommitted => 0,
            IsolationLevel::ReadCommitted => 1,
        }
    }
}

/// Where to start when there is no committed offset, or when it is out of range (`auto.offset.reset`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetPolicy {
    /// At the first record of the log.
    Earliest,
    /// Behind the last record of the log.
    #[default]
    Latest,
    /// Nowhere: it is an error.
    None,
    /// At the first record that is no older than this when it is looked for, going by timestamps (`by_duration`,
    /// KIP-1106). Where all records are older, behind the last one. (Kafka's consumer waits there until a record comes,
    /// and has no position meanwhile.)
    ByDuration(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_maximum() {
        let settings = FetchSettings::default();
        let waits = [0, 1, 2, 3, 4, 5, 40].map(|failures| settings.backoff(failures).as_millis());
        assert_eq!(waits, [100, 100, 200, 400, 800, 1000, 1000]);
    }
}
