//! How often a call is tried, and until when.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::consumer::seed;
use crate::core::backoff::Backoff;
use crate::core::rng::Rng;
use crate::error::Error;

/// The attempts of one call.
pub(super) struct Attempts {
    pub(super) deadline: Instant,
    backoff: Backoff,
    rng: Rng,
}

impl Attempts {
    pub(super) fn new(config: &Config) -> Self {
        Attempts {
            deadline: Instant::now() + config.default_api_timeout,
            backoff: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            rng: Rng::new(seed()),
        }
    }

    /// Waits for the next attempt after this error.
    ///
    /// # Errors
    /// The error, where another attempt would not help or would come too late: it says more than that time is up.
    pub(super) async fn again(&mut self, error: Error) -> Result<(), Error> {
        let wait = self.backoff.fail(&mut self.rng);
        if !error.is_retriable() || self.deadline.saturating_duration_since(Instant::now()) <= wait {
            return Err(error);
        }
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        Ok(())
    }
}
