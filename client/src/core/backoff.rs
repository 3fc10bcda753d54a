//! How long to wait before trying again: twice as long after each failure, up to a limit (KIP-144, KIP-580).

use std::time::Duration;

use super::rng::Rng;

/// The waits after one failure, two in a row, and so on. Each varies by up to a fifth.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// From `first` up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Backoff { first: first.min(longest), longest, failures: 0 }
    }

    /// One more failure: how long to wait now.
    pub fn fail(&mut self, rng: &mut Rng) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(30));
        self.failures = self.failures.saturating_add(1);
        rng.jitter(doubled.min(self.longest))
    }

    /// The next failure is a first one again.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(backoff: &mut Backoff, times: usize) -> Vec<u128> {
        let mut rng = Rng::new(7);
        (0..times).map(|_| backoff.fail(&mut rng).as_millis()).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for (wait, plain) in waits(&mut backoff, 40).into_iter().zip([100, 200, 400, 800, 1000, 1000]) {
            assert!((plain * 4 / 5..=plain * 6 / 5).contains(&wait), "{wait} for {plain}");
        }
        backoff.succeed();
        assert!(waits(&mut backoff, 1)[0] <= 120);
    }

    #[test]
    fn a_first_wait_above_the_longest_is_cut() {
        let mut backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(1));
        assert!(waits(&mut backoff, 1)[0] <= 1200);
    }
}
