//! Random histories of a member under the consumer protocol: what it reads is always its own, and in the end all that it
//! is to have.
//!
//! The coordinator follows Kafka's rules for one member (KIP-848, as in its `CurrentAssignmentBuilder`): a partition goes to
//! others when the member has said that it is without it, or has been thrown out; one that others have comes when they
//! are without it. The target changes at any time, answers are lost, and the application polls or does not.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use milena_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use milena_protocol::{Api, ErrorCode};

use super::sim::{Sim, assignment, topic_id};
use crate::GroupProtocol;
use crate::core::io::RebalanceKind;
use crate::core::rng::Rng;
use crate::core::topic_partition::TopicPartition;

const HEARTBEAT: Api = Api::ConsumerGroupHeartbeat;
const SECOND: Duration = Duration::from_secs(1);
const HISTORIES: u64 = 60;
const STEPS: usize = 80;

type Partitions = BTreeSet<TopicPartition>;

fn all_partitions() -> Vec<TopicPartition> {
    [("t", 0), ("t", 1), ("u", 0)].map(|(topic, partition)| TopicPartition::new(topic, partition)).into()
}

/// What the coordinator knows of the member.
#[derive(Debug, Default)]
struct Coordinator {
    is_member: bool,
    epoch: i32,
    previous_epoch: i32,
    assigned: Partitions,
    /// Not to be given to others before the member says that it is without them.
    unrevoked: Partitions,
    target: Partitions,
    target_epoch: i32,
    /// Others have these still.
    elsewhere: Partitions,
    /// How often the member was let in.
    joins: usize,
}

impl Coordinator {
    fn aim(&mut self, target: Partitions) {
        self.target = target;
        self.target_epoch += 1;
    }

    fn expel(&mut self) {
        self.is_member = false;
        self.assigned.clear();
        self.unrevoked.clear();
    }

    fn answer(&mut self, heartbeat: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        let owned = heartbeat.topic_partitions.as_ref().map(|topics| -> Partitions {
            let of = |name: &str| topics.iter().find(|topic| topic.topic_id == topic_id(name));
            let has = |tp: &TopicPartition| {
                of(&tp.topic).is_some_and(|topic| topic.partitions.contains(&tp.partition))
            };
            all_partitions().into_iter().filter(has).collect()
        });
        let has_all = heartbeat.rebalance_timeout_ms >= 0 && heartbeat.subscribed_topic_names.is_some();
        let is_full = has_all && owned.is_some();
        match heartbeat.member_epoch {
            -1 => {
                self.expel();
                return ConsumerGroupHeartbeatResponse::default();
            }
            0 => {
                assert!(is_full && owned.as_ref().is_some_and(Partitions::is_empty), "{heartbeat:?}");
                self.expel();
                (self.is_member, self.epoch, self.previous_epoch) = (true, 0, 0);
                self.joins += 1;
            }
            _ if !self.is_member => return refused(ErrorCode::UNKNOWN_MEMBER_ID),
            epoch if epoch != self.epoch => {
                // The answer with the newer one may have been lost.
                let is_behind = epoch == self.previous_epoch
                    && owned.as_ref().is_some_and(|owned| owned.is_subset(&self.assigned));
                if !is_behind {
                    self.expel();
                    return refused(ErrorCode::FENCED_MEMBER_EPOCH);
                }
            }
            _ => {}
        }
        let before = self.assigned.clone();
        let still_has = |partitions: &Partitions| {
            owned.as_ref().is_none_or(|owned| !owned.is_disjoint(partitions)) && !partitions.is_empty()
        };
        if !still_has(&self.unrevoked) {
            self.unrevoked.clear();
            let revoked: Partitions = self.assigned.difference(&self.target).cloned().collect();
            self.assigned.retain(|partition| self.target.contains(partition));
            if still_has(&revoked) {
                self.unrevoked = revoked;
            } else {
                let free = self.target.difference(&self.elsewhere).cloned();
                self.assigned.extend(free);
                self.previous_epoch =
                    if self.epoch == self.target_epoch { self.previous_epoch } else { self.epoch };
                self.epoch = self.target_epoch;
            }
        }
        let mut response = ConsumerGroupHeartbeatResponse::default();
        (response.member_epoch, response.heartbeat_interval_ms) = (self.epoch, 1_000);
        if heartbeat.member_epoch == 0 || is_full || before != self.assigned {
            let of = |name: &str| -> Vec<i32> {
                let its = self.assigned.iter().filter(|partition| partition.topic == name);
                its.map(|partition| partition.partition).collect()
            };
            let (t, u) = (of("t"), of("u"));
            response.assignment = Some(assignment(&[(topic_id("t"), &t), (topic_id("u"), &u)]));
        }
        response
    }
}

fn refused(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    let mut response = ConsumerGroupHeartbeatResponse::default();
    response.error_code = error;
    response
}

struct History {
    sim: Sim,
    coordinator: Rc<RefCell<Coordinator>>,
    rng: Rng,
    /// What the listener knows to be the member's.
    known: Partitions,
    is_answer_missing: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let config = super::sim::config().group_protocol(GroupProtocol::Consumer);
        let mut sim = Sim::new(config.enable_auto_commit(seed.is_multiple_of(2)));
        let coordinator = Rc::new(RefCell::new(Coordinator::default()));
        coordinator.borrow_mut().aim(all_partitions().into_iter().collect());
        let answering = coordinator.clone();
        sim.coordinator = Some(Box::new(move |heartbeat| answering.borrow_mut().answer(heartbeat)));
        sim.subscribe(&["t", "u"]);
        let (known, rng) = (Partitions::new(), Rng::new(seed));
        History { sim, coordinator, rng, known, is_answer_missing: false }
    }

    fn some_partitions(&mut self) -> Partitions {
        all_partitions().into_iter().filter(|_| self.rng.below(2) == 0).collect()
    }

    fn step(&mut self) {
        let longest = [200, 3_000][self.rng.below(2)];
        let time = Duration::from_millis(1 + self.rng.below(longest) as u64);
        match self.rng.below(17) {
            0..3 => {
                let target = self.some_partitions();
                self.coordinator.borrow_mut().aim(target);
            }
            3 => {
                let elsewhere = self.some_partitions();
                let mut coordinator = self.coordinator.borrow_mut();
                coordinator.elsewhere = &elsewhere - &(&coordinator.assigned | &coordinator.unrevoked);
            }
            4..8 => self.poll(time),
            8..10 => self.sim.pass(time),
            10 => {
                self.sim.has_quick_listener = self.rng.below(2) == 0;
                self.sim.acknowledge();
            }
            11 => self.coordinator.borrow_mut().expel(),
            12 if !self.is_answer_missing => {
                let api = [HEARTBEAT, Api::OffsetCommit][self.rng.below(2)];
                self.sim.no_answer(api);
                self.is_answer_missing = true;
            }
            12 => self.break_connection(),
            13 => {
                let errors = [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS];
                let error = errors[self.rng.below(2)];
                self.sim.otherwise(HEARTBEAT, refused(error));
            }
            14 if self.sim.topics.remove("u").is_none() => drop(self.sim.topics.insert("u".into(), 1)),
            15 if self.rng.below(4) == 0 => self.sim.pass(301 * SECOND),
            16 => self.sim.heartbeats_take = Duration::from_millis(self.rng.below(500) as u64),
            _ => {}
        }
        self.check();
    }

    fn poll(&mut self, time: Duration) {
        self.sim.poll(time).unwrap();
    }

    /// The answer that did not come will not come any more.
    fn break_connection(&mut self) {
        self.is_answer_missing = false;
        self.sim.break_unanswered();
    }

    fn check(&mut self) {
        for (kind, partitions) in std::mem::take(&mut self.sim.rebalances) {
            let partitions: Partitions = partitions.into_iter().collect();
            match kind {
                RebalanceKind::Assigned => {
                    assert!(self.known.is_disjoint(&partitions), "told twice: {partitions:?}");
                    self.known.extend(partitions);
                }
                RebalanceKind::Revoked | RebalanceKind::Lost => {
                    assert!(!partitions.is_empty() && partitions.is_subset(&self.known), "{partitions:?}");
                    self.known.retain(|partition| !partitions.contains(partition));
                }
            }
        }
        // Who was thrown out does not know it before the next answer.
        let coordinator = self.coordinator.borrow();
        let its_own = &coordinator.assigned | &coordinator.unrevoked;
        let owned = self.sim.core.owned();
        assert!(!coordinator.is_member || owned.is_subset(&its_own), "{owned:?} of {coordinator:?}");
    }

    /// All goes well again, for long enough.
    fn heal(&mut self) {
        self.sim.topics.insert("u".into(), 1);
        self.coordinator.borrow_mut().elsewhere.clear();
        self.sim.has_quick_listener = true;
        self.sim.acknowledge();
        for _ in 0..30 {
            self.break_connection();
            self.poll(2 * SECOND);
            self.check();
        }
        let coordinator = self.coordinator.borrow();
        assert_eq!(self.sim.core.owned(), coordinator.target, "{coordinator:?}");
        assert_eq!(self.known, coordinator.target);
        assert!(coordinator.unrevoked.is_empty() && coordinator.assigned == coordinator.target);
    }
}

#[test]
fn a_member_reads_what_is_its_own_and_in_the_end_all_that_it_is_to_have() {
    let mut joins = 0;
    for seed in 0..HISTORIES {
        let mut history = History::new(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..STEPS).for_each(|_| history.step());
            history.heal();
        }));
        joins += history.coordinator.borrow().joins;
        assert!(outcome.is_ok(), "history {seed}");
    }
    assert!(joins as u64 > 2 * HISTORIES, "{joins} memberships are too few to mean much");
}
