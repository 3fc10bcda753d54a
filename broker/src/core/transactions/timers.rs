//! What time brings: transactions that stay open for too long are aborted, ids that nobody uses are forgotten.

use std::time::Instant;

use milena_protocol::{ErrorCode, Str};

use super::Transactions;
use super::transaction::Transaction;

impl Transactions {
    /// When something may be due.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Aborts the transactions that have been open for too long (`transaction.timeout.ms`, every
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`), and forgets the ids that have not been used for
    /// `transactional.id.expiration.ms`.
    pub fn advance(&mut self, now: Instant) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        let is_due = |known: &Transaction| self.due(known).is_some_and(|due| due <= now);
        let due = self.known.iter().filter(|(_, known)| is_due(known));
        let due: Vec<Str> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            match self.known.get_mut(&id) {
                Some(known) if known.is_idle() => _ = self.known.remove(&id),
                Some(known) => known.fence(now, &mut self.ids),
                None => {}
            }
            self.note(&id);
        }
        self.next = self.known.values().filter_map(|known| self.due(known)).min();
    }

    /// When it is time for one of them: to be aborted, or to be forgotten.
    pub(super) fn due(&self, known: &Transaction) -> Option<Instant> {
        if known.is_idle() {
            return self.expiring.at_or_after(known.updated.checked_add(self.retention)?);
        }
        // As in Kafka what ends at this very moment is not late.
        self.aborting.after(known.times_out()?)
    }

    /// Sees to it that there is room for another id: where there are too many, the one that has been idle for longest goes,
    /// as it would have gone by itself.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when all have transactions open.
    pub(super) fn make_room(&mut self, now: Instant) -> Result<(), ErrorCode> {
        if self.known.len() < self.max_ids {
            return Ok(());
        }
        let idle = self.known.iter().filter(|(_, known)| known.is_idle() && known.updated <= now);
        let oldest = idle.min_by_key(|(_, known)| known.updated).map(|(id, _)| id.clone());
        let oldest = oldest.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.known.remove(&oldest);
        Ok(())
    }
}
