//! When a member of a group has to show that it lives, and when it must give up.
//!
//! Three clocks run while the consumer is in a group (KIP-62):
//!
//! ```text
//!   heartbeat.interval.ms    since the last heartbeat went out      -> send one; never depends on poll
//!   session.timeout.ms       since the coordinator last answered    -> it may be gone: look for it again
//!   max.poll.interval.ms     since the application last polled      -> it is stuck: leave the group
//! ```

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::rng::Rng;

/// The clocks of a member, by Kafka's names.
#[derive(Clone, Debug)]
pub struct HeartbeatSettings {
    /// `heartbeat.interval.ms`.
    pub interval: Duration,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}

#[derive(Debug)]
pub(super) struct Heartbeat {
    settings: HeartbeatSettings,
    backoff: Backoff,
    next: Instant,
    session_end: Instant,
    poll_end: Instant,
    in_flight: bool,
    /// When a back-off ends.
    retry_at: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(settings: HeartbeatSettings, now: Instant) -> Self {
        Heartbeat {
            backoff: Backoff::new(settings.retry_backoff, settings.retry_backoff_max),
            next: now + settings.interval,
            session_end: now + settings.session_timeout,
            poll_end: now + settings.max_poll_interval,
            in_flight: false,
            retry_at: None,
            settings,
        }
    }

    /// The consumer has just become a member of a generation.
    pub(super) fn joined(&mut self, now: Instant) {
        self.next = now + self.settings.interval;
        self.session_end = now + self.settings.session_timeout;
        self.polled(now);
    }

    /// The application polls.
    pub(super) fn polled(&mut self, now: Instant) {
        self.poll_end = now + self.settings.max_poll_interval;
    }

    /// A coordinator was found: it has a whole session's time to answer.
    pub(super) fn coordinator_found(&mut self, now: Instant) {
        self.session_end = now + self.settings.session_timeout;
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.in_flight = true;
        self.retry_at = None;
        self.next = now + self.settings.interval;
    }

    /// The coordinator knows that this member lives.
    pub(super) fn succeeded(&mut self, now: Instant) {
        self.in_flight = false;
        self.backoff.succeed();
        self.session_end = now + self.settings.session_timeout;
    }

    /// There was no good answer: the next heartbeat comes soon.
    pub(super) fn failed(&mut self, rng: &mut Rng, now: Instant) {
        self.in_flight = false;
        self.next = now + self.backoff.fail(rng);
        self.retry_at = Some(self.next);
    }

    /// The coordinator says how often it wants to hear from this member.
    pub(super) fn interval_is(&mut self, interval: Duration, now: Instant) {
        if interval != self.settings.interval {
            self.settings.interval = interval;
            self.next = now + interval;
        }
    }

    /// Forgets what is in flight and what has failed: the next one goes out as soon as there is anybody to send it to.
    pub(super) fn start_anew(&mut self, now: Instant) {
        self.in_flight = false;
        self.retry_at = None;
        self.next = now;
    }

    /// Whether one can go out if there is a reason.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        !self.in_flight && self.retry_at.is_none_or(|at| at <= now)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.may_send(now) && self.next <= now
    }

    pub(super) fn is_session_over(&self, now: Instant) -> bool {
        self.session_end <= now
    }

    pub(super) fn is_poll_overdue(&self, now: Instant) -> bool {
        self.poll_end <= now
    }

    /// When each of these is due.
    pub(super) fn deadlines(&self) -> [Instant; 3] {
        [self.next, self.session_end, self.poll_end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::{T, start};

    fn heartbeat(now: Instant) -> Heartbeat {
        let settings = HeartbeatSettings {
            interval: 3_000 * T,
            session_timeout: 45_000 * T,
            max_poll_interval: 300_000 * T,
            retry_backoff: 100 * T,
            retry_backoff_max: 1_000 * T,
        };
        Heartbeat::new(settings, now)
    }

    #[test]
    fn a18_heartbeats_go_out_whether_or_not_the_application_polls() {
        let start = start();
        let (mut heartbeat, mut now) = (heartbeat(start), start);
        for _ in 0..90 {
            now = heartbeat.next;
            heartbeat.polled(start);
            assert!(heartbeat.is_due(now) && !heartbeat.is_session_over(now));
            heartbeat.sent(now);
            assert!(!heartbeat.is_due(now + 10_000 * T), "one is in flight");
            heartbeat.succeeded(now);
        }
        assert_eq!(now, start + 270_000 * T);
    }

    #[test]
    fn the_application_is_stuck_when_it_has_not_polled_for_too_long() {
        let now = start();
        let mut heartbeat = heartbeat(now);
        heartbeat.polled(now + 100_000 * T);
        assert!(!heartbeat.is_poll_overdue(now + 399_999 * T));
        assert!(heartbeat.is_poll_overdue(now + 400_000 * T));
    }

    #[test]
    fn a_failed_heartbeat_is_repeated_soon_but_does_not_prolong_the_session() {
        let now = start();
        let mut heartbeat = heartbeat(now);
        heartbeat.sent(now + 3_000 * T);
        heartbeat.failed(&mut Rng::new(1), now + 3_010 * T);
        assert!(heartbeat.is_due(now + 3_130 * T));
        assert!(heartbeat.is_session_over(now + 45_000 * T));
        heartbeat.sent(now + 3_130 * T);
        heartbeat.succeeded(now + 3_140 * T);
        assert!(!heartbeat.is_session_over(now + 45_000 * T));
    }

    #[test]
    fn a_coordinator_that_was_just_found_has_a_whole_session_to_answer() {
        let now = start();
        let mut heartbeat = heartbeat(now);
        heartbeat.coordinator_found(now + 44_000 * T);
        assert!(!heartbeat.is_session_over(now + 88_999 * T));
    }
}
