//! A fetch session with one broker (KIP-227): the broker remembers which partitions are read and from where, so that
//! each request says only what has changed.

use std::collections::BTreeMap;

use milena_protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::topic_partition::TopicPartition;

/// The session epoch that opens a session, with an id also closing the one of that id.
const OPEN: i32 = 0;
/// The session epoch that closes a session.
pub(super) const CLOSE: i32 = -1;

/// What is asked about a partition: when it differs from last time, the broker has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) topic_id: Uuid,
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) max_bytes: i32,
}

/// A partition of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) asked: Asked,
    /// The position that the answer will continue. The broker does not learn of it.
    pub(super) position_epoch: u64,
}

/// The session with one broker.
#[derive(Debug)]
pub(super) struct FetchSession {
    /// 0 for none.
    id: i32,
    /// `OPEN`, or the number of the next request.
    epoch: i32,
    /// Whether topics are named by their ids (Fetch v13+).
    uses_ids: bool,
    partitions: BTreeMap<TopicPartition, Entry>,
    names: BTreeMap<Uuid, Str>,
}

/// The part of a request that is about partitions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) topics: Vec<FetchTopic>,
    pub(super) forgotten: Vec<ForgottenTopic>,
    /// The partitions that were asked for before, and are not any more.
    pub(super) left: Vec<TopicPartition>,
}

impl FetchSession {
    pub(super) fn new() -> Self {
        FetchSession {
            id: 0,
            epoch: OPEN,
            uses_ids: false,
            partitions: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// A partition of the session, and what is asked about it. The key is the session's own: it keeps no frame alive.
    pub(super) fn entry(&self, partition: &TopicPartition) -> Option<(&TopicPartition, &Entry)> {
        self.partitions.get_key_value(partition)
    }

    /// Whether topics are named by their ids.
    pub(super) fn uses_ids(&self) -> bool {
        self.uses_ids
    }

    /// The partitions of the session.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &Entry)> {
        self.partitions.iter()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// The name of a topic that a response names by its id.
    pub(super) fn name(&self, id: &Uuid) -> Option<&Str> {
        self.names.get(id)
    }

    /// The next request, which is for exactly these partitions, in this order.
    pub(super) fn next(&mut self, wanted: &[(TopicPartition, Entry)], uses_ids: bool) -> Change {
        if self.uses_ids != uses_ids {
            // The broker would refuse a session that changes its way of naming topics.
            self.uses_ids = uses_ids;
            self.epoch = OPEN;
        }
        let is_opening = self.epoch == OPEN;
        let mut next = BTreeMap::new();
        let mut change = Change { session_id: self.id, session_epoch: self.epoch, ..Change::default() };
        for (partition, entry) in wanted {
            let known = self.partitions.remove(partition).map(|entry| entry.asked);
            match known.filter(|_| !is_opening) {
                Some(asked) if asked == entry.asked => {}
                Some(asked) if uses_ids && asked.topic_id != entry.asked.topic_id => {
                    change.forget(partition, asked.topic_id);
                    change.send(partition, &entry.asked);
                }
                _ => change.send(partition, &entry.asked),
            }
            next.insert(partition.clone(), *entry);
        }
        for (partition, entry) in std::mem::replace(&mut self.partitions, next) {
            if !is_opening {
                change.forget(&partition, entry.asked.topic_id);
            }
            change.left.push(partition);
        }
        self.names.clear();
        if uses_ids {
            for (partition, entry) in &self.partitions {
                self.names.entry(entry.asked.topic_id).or_insert_with(|| partition.topic.clone());
            }
        }
        change
    }

    /// The broker answered. `is_consistent`: what it spoke of is what was asked.
    pub(super) fn answered(&mut self, error: ErrorCode, session_id: i32, is_consistent: bool) {
        let opened = self.epoch == OPEN;
        if error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
            (self.id, self.epoch) = (0, OPEN);
        } else if !error.is_none() {
            self.epoch = OPEN;
        } else if session_id == 0 {
            // No session, or no longer: the broker has no room for it, or is too old.
            (self.id, self.epoch) = (0, OPEN);
        } else if !is_consistent {
            (self.id, self.epoch) = (session_id, OPEN);
        } else if opened {
            (self.id, self.epoch) = (session_id, 1);
        } else {
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
    }

    /// There is no telling what the broker knows: the next request starts anew.
    pub(super) fn lost(&mut self) {
        self.epoch = OPEN;
    }

    /// Whether the next request will name all partitions.
    pub(super) fn is_full(&self) -> bool {
        self.epoch == OPEN
    }

    /// The request that closes the session; `None` when there is none.
    pub(super) fn close(self) -> Option<Change> {
        (self.id != 0).then(|| Change { session_id: self.id, session_epoch: CLOSE, ..Change::default() })
    }
}

impl Change {
    fn send(&mut self, partition: &TopicPartition, asked: &Asked) {
        let same = |topic: &FetchTopic| topic.topic == partition.topic && topic.topic_id == asked.topic_id;
        if !self.topics.last().is_some_and(same) {
            let mut topic = FetchTopic::default();
            (topic.topic, topic.topic_id) = (partition.topic.clone(), asked.topic_id);
            self.topics.push(topic);
        }
        let mut part = FetchPartition::default();
        part.partition = partition.partition;
        part.current_leader_epoch = asked.leader_epoch;
        part.fetch_offset = asked.offset;
        part.partition_max_bytes = asked.max_bytes;
        if let Some(topic) = self.topics.last_mut() {
            topic.partitions.push(part);
        }
    }

    fn forget(&mut self, partition: &TopicPartition, topic_id: Uuid) {
        let same = |topic: &ForgottenTopic| topic.topic == partition.topic && topic.topic_id == topic_id;
        if !self.forgotten.last().is_some_and(same) {
            let mut topic = ForgottenTopic::default();
            (topic.topic, topic.topic_id) = (partition.topic.clone(), topic_id);
            self.forgotten.push(topic);
        }
        if let Some(topic) = self.forgotten.last_mut() {
            topic.partitions.push(partition.partition);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid([1; 16]);
    const OTHER_ID: Uuid = Uuid([2; 16]);

    fn wanted(partitions: &[(i32, i64)]) -> Vec<(TopicPartition, Entry)> {
        let entry = |offset| Entry {
            asked: Asked { topic_id: ID, offset, leader_epoch: 3, max_bytes: 1000 },
            position_epoch: 1,
        };
        partitions.iter().map(|&(n, offset)| (TopicPartition::new("t", n), entry(offset))).collect()
    }

    /// Session id, epoch, partitions sent with their offsets, partitions forgotten.
    type Summary = (i32, i32, Vec<(i32, i64)>, Vec<i32>);

    fn summary(change: &Change) -> Summary {
        let sent = change.topics.iter().flat_map(|topic| &topic.partitions);
        let forgotten = change.forgotten.iter().flat_map(|topic| topic.partitions.clone());
        let sent = sent.map(|part| (part.partition, part.fetch_offset)).collect();
        (change.session_id, change.session_epoch, sent, forgotten.collect())
    }

    fn next(session: &mut FetchSession, partitions: &[(i32, i64)]) -> Summary {
        summary(&session.next(&wanted(partitions), true))
    }

    fn opened() -> FetchSession {
        let mut session = FetchSession::new();
        assert_eq!(next(&mut session, &[(0, 5), (1, 6)]), (0, 0, vec![(0, 5), (1, 6)], vec![]));
        session.answered(ErrorCode::NONE, 77, true);
        session
    }

    #[test]
    fn t16_a_session_sends_only_what_has_changed() {
        let mut session = opened();
        assert_eq!(next(&mut session, &[(0, 5), (1, 6)]), (77, 1, vec![], vec![]));
        session.answered(ErrorCode::NONE, 77, true);
        assert_eq!(next(&mut session, &[(0, 5), (1, 9)]), (77, 2, vec![(1, 9)], vec![]));
        session.answered(ErrorCode::NONE, 77, true);
        assert_eq!(next(&mut session, &[(1, 9), (2, 0)]), (77, 3, vec![(2, 0)], vec![0]));
        assert!(session.entry(&TopicPartition::new("t", 0)).is_none());
    }

    #[test]
    fn t16_a_new_leader_epoch_a_new_limit_or_a_new_topic_id_is_sent() {
        let mut session = opened();
        let mut entries = wanted(&[(0, 5), (1, 6), (2, 7)]);
        session.next(&entries, true);
        session.answered(ErrorCode::NONE, 77, true);
        entries[0].1.asked.leader_epoch = 4;
        entries[1].1.asked.max_bytes = 2000;
        entries[2].1.asked.topic_id = OTHER_ID;
        let change = session.next(&entries, true);
        assert_eq!(summary(&change), (77, 2, vec![(0, 5), (1, 6), (2, 7)], vec![2]));
        assert_eq!(change.forgotten[0].topic_id, ID);
        assert_eq!(change.topics[1].topic_id, OTHER_ID);
        entries[0].1.position_epoch = 2;
        session.answered(ErrorCode::NONE, 77, true);
        assert_eq!(summary(&session.next(&entries, true)), (77, 3, vec![], vec![]));
    }

    #[test]
    fn t16_the_epoch_wraps_to_1() {
        let mut session = opened();
        session.epoch = i32::MAX;
        session.answered(ErrorCode::NONE, 77, true);
        assert_eq!(next(&mut session, &[]).1, 1);
    }

    #[test]
    fn t16_an_unknown_session_is_opened_anew() {
        let mut session = opened();
        session.answered(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, true);
        assert_eq!(next(&mut session, &[(0, 5)]), (0, 0, vec![(0, 5)], vec![]));
    }

    #[test]
    fn t16_a_wrong_epoch_wrong_topic_ids_and_a_lost_answer_close_the_session_and_open_another() {
        let errors = [ErrorCode::INVALID_FETCH_SESSION_EPOCH, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR];
        for error in errors {
            let mut session = opened();
            session.answered(error, 0, true);
            assert_eq!(next(&mut session, &[(0, 5)]), (77, 0, vec![(0, 5)], vec![]));
        }
        let mut session = opened();
        session.lost();
        assert_eq!(next(&mut session, &[(0, 5)]), (77, 0, vec![(0, 5)], vec![]));
        let mut session = opened();
        session.answered(ErrorCode::NONE, 77, false);
        assert_eq!(next(&mut session, &[(0, 5)]), (77, 0, vec![(0, 5)], vec![]));
    }

    #[test]
    fn t16_without_a_session_every_request_is_full() {
        let mut session = FetchSession::new();
        for _ in 0..3 {
            assert_eq!(next(&mut session, &[(0, 5)]), (0, 0, vec![(0, 5)], vec![]));
            session.answered(ErrorCode::NONE, 0, true);
        }
        let mut session = opened();
        session.answered(ErrorCode::NONE, 0, true);
        assert_eq!(next(&mut session, &[(0, 5)]).0, 0);
    }

    #[test]
    fn t16_going_from_names_to_ids_takes_a_new_session() {
        let mut session = opened();
        let change = session.next(&wanted(&[(0, 5)]), false);
        assert_eq!(summary(&change), (77, 0, vec![(0, 5)], vec![]));
        assert_eq!(session.name(&ID), None);
    }

    #[test]
    fn t16_closes_with_minus_1() {
        assert_eq!(opened().close().map(|change| summary(&change)), Some((77, -1, vec![], vec![])));
        assert_eq!(FetchSession::new().close(), None);
    }
}
