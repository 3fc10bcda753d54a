//! How many bytes a client may write or read in a second (`producer_byte_rate`, `consumer_byte_rate`).
//!
//! A client is over its quota by so much; the time in which the rate would be back at the quota is told to it
//! (`throttle_time_ms`), and its connection is not read for as long. As in Kafka each broker has its own count for each
//! `client.id`, over several windows (`quota.window.num`, `quota.window.size.seconds`). Here the bytes of batches count; Kafka
//! takes those of whole messages, which are a few more.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::Str;

use crate::settings::Settings;

/// Of how many clients the rates are kept.
const MOST_CLIENTS: usize = 10_000;

/// A quota that all clients have, each for itself.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_per_second: f64,
    windows: Windows,
    rates: BTreeMap<(i32, Str), Rate>,
}

/// Over which time a rate is measured.
#[derive(Clone, Copy, Debug)]
struct Windows {
    count: usize,
    size_ms: u64,
}

impl Quota {
    /// The quota of this name, if one was set.
    pub fn new(settings: &Settings, name: &str) -> Option<Self> {
        let bytes_per_second = settings.long(name);
        let windows = Windows {
            count: settings.int("quota.window.num") as usize,
            size_ms: settings.int("quota.window.size.seconds") as u64 * 1000,
        };
        let bytes_per_second = (bytes_per_second < i64::MAX).then_some(bytes_per_second as f64)?;
        Some(Quota { bytes_per_second, windows, rates: BTreeMap::new() })
    }

    /// A client writes or reads so many bytes. Gives back for how many milliseconds it is to be held back.
    pub fn record(&mut self, node_id: i32, client_id: &str, bytes: usize, now: Instant) -> i32 {
        let key = (node_id, Str::from(client_id));
        if self.rates.len() >= MOST_CLIENTS && !self.rates.contains_key(&key) {
            let windows = self.windows;
            self.rates.retain(|_, rate| rate.is_going_on(windows, now));
            if self.rates.len() >= MOST_CLIENTS {
                return 0;
            }
        }
        let rate = self.rates.entry(key).or_default();
        rate.record(bytes as f64, self.windows, now);
        let window_ms = rate.window_ms(self.windows, now) as f64;
        let measured = rate.sum() / (window_ms / 1000.0);
        let excess = (measured - self.bytes_per_second) / self.bytes_per_second;
        // A cast of what is too large gives the largest.
        if excess > 0.0 { (excess * window_ms).round() as i32 } else { 0 }
    }

    /// Some bytes did not leave after all.
    pub fn unrecord(&mut self, node_id: i32, client_id: &str, bytes: usize, now: Instant) {
        if let Some(rate) = self.rates.get_mut(&(node_id, Str::from(client_id))) {
            rate.record(-(bytes as f64), self.windows, now);
        }
    }

    /// More than this at once is over the quota in any case.
    pub fn most_at_once(&self) -> usize {
        (self.bytes_per_second * (self.windows.count - 1) as f64 * self.windows.size_ms as f64 / 1000.0)
            as usize
    }
}

/// What was counted in one window.
#[derive(Clone, Copy, Debug)]
struct Sample {
    start: Instant,
    last: Instant,
    bytes: f64,
}

/// A rate, over windows (Kafka's `Rate` and `SampledStat`).
#[derive(Debug, Default)]
struct Rate {
    /// One more than there are windows, at most: the oldest may reach into the time that is measured.
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    fn record(&mut self, bytes: f64, windows: Windows, now: Instant) {
        let fresh = Sample { start: now, last: now, bytes: 0.0 };
        if self.samples.is_empty() {
            self.samples.push(fresh);
        } else if since(self.samples[self.current].start, now) >= windows.size_ms {
            self.current = (self.current + 1) % (windows.count + 1);
            match self.samples.get_mut(self.current) {
                Some(oldest) => *oldest = fresh,
                None => self.samples.push(fresh),
            }
        }
        let sample = &mut self.samples[self.current];
        sample.bytes += bytes;
        sample.last = now;
        for sample in self.samples.iter_mut().filter(|sample| !sample.is_recent(windows, now)) {
            *sample = fresh;
        }
    }

    fn sum(&self) -> f64 {
        self.samples.iter().map(|sample| sample.bytes).sum()
    }

    /// The time over which the sum came together: all windows but the last one, and what has passed of that.
    fn window_ms(&self, windows: Windows, now: Instant) -> u64 {
        let elapsed = self.samples.iter().map(|sample| since(sample.start, now)).max().unwrap_or(0);
        let least = windows.count as u64 - 1;
        let full = elapsed / windows.size_ms;
        (elapsed + least.saturating_sub(full) * windows.size_ms).max(1)
    }

    fn is_going_on(&self, windows: Windows, now: Instant) -> bool {
        self.samples.iter().any(|sample| sample.is_recent(windows, now))
    }
}

impl Sample {
    fn is_recent(&self, windows: Windows, now: Instant) -> bool {
        since(self.last, now) < windows.count as u64 * windows.size_ms
    }
}

fn since(then: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quota(bytes_per_second: i64) -> Quota {
        let mut settings = Settings::default();
        settings.set("producer_byte_rate", bytes_per_second).unwrap();
        Quota::new(&settings, "producer_byte_rate").unwrap()
    }

    #[test]
    fn who_sets_no_quota_has_none() {
        assert!(Quota::new(&Settings::default(), "producer_byte_rate").is_none());
    }

    #[test]
    fn a_burst_is_held_back_until_the_rate_is_that_of_the_quota() {
        let (mut quota, start) = (quota(100), Instant::now());
        assert_eq!(quota.most_at_once(), 1000);
        assert_eq!(quota.record(1, "a", 1000, start), 0, "ten windows of a second are allowed for");
        // 1500 bytes in 10 seconds are 150 a second, and in 15 they are 100.
        assert_eq!(quota.record(1, "a", 500, start), 5000);
        assert_eq!(quota.record(2, "a", 500, start), 0, "another broker counts for itself");
        assert_eq!(quota.record(1, "b", 500, start), 0, "and so does another client");
        assert_eq!(quota.record(1, "a", 0, start + Duration::from_secs(11)), 0);
    }

    #[test]
    fn what_did_not_leave_is_not_counted() {
        let (mut quota, now) = (quota(100), Instant::now());
        assert_eq!(quota.record(1, "a", 2000, now), 10_000);
        quota.unrecord(1, "a", 2000, now);
        assert_eq!(quota.record(1, "a", 1000, now), 0);
    }

    #[test]
    fn a_steady_client_is_never_held_back() {
        let (mut quota, start) = (quota(100), Instant::now());
        let held_back = (0..600).map(|n| quota.record(1, "a", 9, start + Duration::from_millis(n * 100)));
        assert_eq!(held_back.max(), Some(0));
        let rate = &quota.rates[&(1, "a".into())];
        assert_eq!(rate.samples.len(), 12);
    }

    #[test]
    fn t25_a_producer_that_writes_too_much_is_told_and_held_back() {
        use milena_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ProduceResponse};

        use crate::core::test_support::*;

        let mut sim = Sim::new(&[("producer_byte_rate", "100")]);
        sim.topic("t", 1, &[]);
        for acks in [-1, 0] {
            let (c, other) = (sim.connect(1), sim.connect(1));
            let records = batch(&[&"x".repeat(1500)]);
            sim.send(c, 9, produce_request("t", 0, records, acks));
            if acks == 0 {
                assert!(sim.skipped(c));
            } else {
                let response: ProduceResponse = sim.answer(c).expect("the answer is not held back");
                assert_eq!(
                    response.responses[0].partition_responses[0].error_code,
                    milena_protocol::ErrorCode::NONE
                );
                assert!(response.throttle_time_ms > 5_000, "{}", response.throttle_time_ms);
            }
            sim.send(c, 0, ApiVersionsRequest::default());
            sim.pass(5_000);
            assert!(sim.answer::<ApiVersionsResponse>(c).is_none());
            sim.ask(other, 0, ApiVersionsRequest::default());
            sim.pass(100_000);
            assert!(sim.answer::<ApiVersionsResponse>(c).is_some());
        }
    }

    #[test]
    fn old_clients_make_room() {
        let (mut quota, start) = (quota(100), Instant::now());
        (0..MOST_CLIENTS as i32).for_each(|node| {
            quota.record(node, "a", 1, start);
        });
        assert_eq!(quota.record(-1, "a", 9999, start), 0);
        assert!(quota.record(-1, "a", 9999, start + Duration::from_secs(11)) > 0);
        assert_eq!(quota.rates.len(), 1);
    }
}
