//! Which transactional batches `read_committed` leaves out (KIP-98).
//!
//! The broker names the aborted transactions of an answer: producer and first offset. From that offset on, what the
//! producer wrote in transactions is aborted, until the marker that says so.

use std::collections::BTreeSet;

use milena_protocol::records::{Batch, ControlKind, ControlRecord, Decompressor};

use super::fault::Fault;

/// Which producers' transactions are aborted, at the batch that is being read.
#[derive(Debug)]
pub(super) struct Transactions {
    /// Producer and first offset of those that begin later; the next one last.
    ahead: Vec<(i64, i64)>,
    aborted: BTreeSet<i64>,
}

impl Transactions {
    pub(super) fn new(aborted: &[(i64, i64)]) -> Self {
        let mut ahead = aborted.to_vec();
        ahead.sort_by_key(|(_, first_offset)| std::cmp::Reverse(*first_offset));
        Transactions { ahead, aborted: BTreeSet::new() }
    }

    /// Takes note of the next batch; says whether it is part of an aborted transaction.
    pub(super) fn hide(&mut self, batch: &Batch<'_>, decompressor: &mut Decompressor) -> Result<bool, Fault> {
        self.begin_up_to(batch.last_offset);
        if batch.is_control && is_abort(batch, decompressor)? {
            self.aborted.remove(&batch.producer_id);
        }
        Ok(batch.is_transactional && self.aborted.contains(&batch.producer_id))
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some((producer, _)) = self.ahead.pop_if(|(_, first_offset)| *first_offset <= offset) {
            self.aborted.insert(producer);
        }
    }
}

/// Whether a control batch ends a transaction by undoing it.
fn is_abort(batch: &Batch<'_>, decompressor: &mut Decompressor) -> Result<bool, Fault> {
    let first = batch.records(decompressor)?.next();
    let Some(record) = first.transpose()? else { return Ok(false) };
    match ControlRecord::parse(&record) {
        Ok(control) => Ok(control.kind == ControlKind::Abort),
        Err(kind) => Err(Fault { kind, batch_position: batch.position() }),
    }
}
