//! When to give up on the brokers that are known, and to begin with the bootstrap servers again.
//!
//! All brokers may have moved since the last answer (KIP-899), or those that still answer may not be of this cluster any
//! more, or not in their right mind: then no metadata comes for long (KIP-1102).

use std::time::{Duration, Instant};

/// What to do when none of the known brokers can be reached (`metadata.recovery.strategy`, KIP-899).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataRecoveryStrategy {
    /// Go on trying them.
    None,
    /// Begin with `bootstrap.servers` again.
    #[default]
    Rebootstrap,
}

/// How long metadata has been waited for.
#[derive(Debug)]
pub(super) struct Recovery {
    strategy: MetadataRecoveryStrategy,
    trigger: Duration,
    waiting_since: Option<Instant>,
}

impl Recovery {
    /// With `metadata.recovery.rebootstrap.trigger.ms`.
    pub(super) fn new(strategy: MetadataRecoveryStrategy, trigger: Duration) -> Self {
        Recovery { strategy, trigger, waiting_since: None }
    }

    /// Whether beginning again is allowed at all.
    pub(super) fn is_allowed(&self) -> bool {
        self.strategy == MetadataRecoveryStrategy::Rebootstrap
    }

    /// Metadata is due.
    pub(super) fn wait(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// Metadata came.
    pub(super) fn succeed(&mut self) {
        self.waiting_since = None;
    }

    /// It begins again.
    pub(super) fn restart(&mut self, now: Instant) {
        self.waiting_since = Some(now);
    }

    /// When to begin again if nothing comes until then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting_since.filter(|_| self.is_allowed()).map(|since| since + self.trigger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::{T, start};

    #[test]
    fn it_is_due_when_metadata_was_waited_for_in_vain() {
        let now = start();
        let mut recovery = Recovery::new(MetadataRecoveryStrategy::Rebootstrap, 300_000 * T);
        assert_eq!(recovery.due(), None);
        recovery.wait(now);
        recovery.wait(now + T);
        assert_eq!(recovery.due(), Some(now + 300_000 * T));
        recovery.succeed();
        assert_eq!(recovery.due(), None);
        recovery.restart(now + 5 * T);
        assert_eq!(recovery.due(), Some(now + 300_005 * T));
    }

    #[test]
    fn it_is_never_due_where_it_is_not_wanted() {
        let mut recovery = Recovery::new(MetadataRecoveryStrategy::None, T);
        recovery.wait(start());
        assert_eq!(recovery.due(), None);
    }
}
