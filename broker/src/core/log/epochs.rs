//! Where in a log each leader began (Kafka's `LeaderEpochFileCache`, KIP-101).

/// The offset from which on a leader wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochStart {
    pub epoch: i32,
    pub start_offset: i64,
}

/// The epochs of a log's leaders, in order, and where each began.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderEpochs(Vec<EpochStart>);

impl LeaderEpochs {
    /// A leader begins here. What the log had from there on, or under such an epoch, is no longer true.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) {
        if epoch < 0
            || self.0.last().is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset)
        {
            return;
        }
        self.0.retain(|entry| entry.epoch < epoch && entry.start_offset < start_offset);
        self.0.push(EpochStart { epoch, start_offset });
    }

    /// The last leader's epoch.
    pub fn latest(&self) -> Option<i32> {
        self.0.last().map(|last| last.epoch)
    }

    /// The first leader of which something is left.
    pub fn earliest(&self) -> Option<EpochStart> {
        self.0.first().copied()
    }

    /// The largest epoch that is not above `epoch`, and where its records end; `None` where nothing is known of it.
    pub fn end_offset(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        if epoch < 0 {
            return None;
        }
        if self.latest() == Some(epoch) {
            return Some((epoch, log_end));
        }
        let higher = self.0.iter().find(|entry| entry.epoch > epoch)?;
        let floor = self.0.iter().rev().find(|entry| entry.epoch <= epoch);
        Some((floor.map_or(epoch, |floor| floor.epoch), higher.start_offset))
    }

    /// The log now ends here.
    pub fn truncate_end(&mut self, end_offset: i64) {
        self.0.retain(|entry| entry.start_offset < end_offset);
    }

    /// The log now begins here.
    pub fn truncate_start(&mut self, start_offset: i64) {
        let before = self.0.iter().rposition(|entry| entry.start_offset <= start_offset);
        if let Some(last) = before {
            self.0.drain(..last);
            self.0[0].start_offset = start_offset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        entries.iter().for_each(|&(epoch, offset)| epochs.assign(epoch, offset));
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let epochs = epochs(&[(0, 0), (2, 10), (3, 20)]);
        assert_eq!(epochs.end_offset(0, 30), Some((0, 10)));
        assert_eq!(epochs.end_offset(1, 30), Some((0, 10)), "epoch 1 wrote nothing");
        assert_eq!(epochs.end_offset(2, 30), Some((2, 20)));
        assert_eq!(epochs.end_offset(3, 30), Some((3, 30)));
        assert_eq!(epochs.end_offset(4, 30), None);
        assert_eq!(epochs.end_offset(-1, 30), None);
    }

    #[test]
    fn an_epoch_from_before_the_first_ends_where_the_first_begins() {
        assert_eq!(epochs(&[(5, 7)]).end_offset(3, 30), Some((3, 7)));
    }

    #[test]
    fn a_leader_that_wrote_nothing_is_forgotten() {
        let epochs = epochs(&[(0, 0), (1, 5), (2, 5)]);
        assert_eq!(epochs.end_offset(1, 9), Some((0, 5)));
    }

    #[test]
    fn cutting_the_log_cuts_its_epochs() {
        let mut epochs = epochs(&[(0, 0), (2, 10), (3, 20)]);
        epochs.truncate_end(20);
        assert_eq!(epochs.latest(), Some(2));
        epochs.truncate_start(15);
        assert_eq!(epochs.earliest(), Some(EpochStart { epoch: 2, start_offset: 15 }));
    }
}
