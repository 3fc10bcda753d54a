//! What goes wrong, drawn from the seed, as long as the history lasts.

use std::time::Duration;

use milena_broker::core::steering::Steer;

use crate::history::{GROUP, Kind, NODES};
use crate::network::ClientId;
use crate::world::{Happening, World};

/// The most consumers and producers at a time, and partitions of a topic.
const MOST_MEMBERS: usize = 5;
const MOST_PRODUCERS: usize = 4;
const MOST_PARTITIONS: usize = 8;

impl World {
    /// One fault of those that this history has, and when the next one comes.
    pub fn fault(&mut self) {
        // Errors come with the answers.
        let kinds = self.history.faults.iter().copied().filter(|kind| *kind != Kind::Errors);
        let kinds: Vec<Kind> = kinds.collect();
        if self.is_healed || kinds.is_empty() {
            return;
        }
        let kind = *self.rng.pick(&kinds);
        self.do_fault(kind);
        self.run_broker();
        let pause = self.rng.millis(1..=self.history.fault_every_ms);
        self.clock.put(self.clock.now + pause, Happening::Fault);
    }

    fn do_fault(&mut self, kind: Kind) {
        self.trace.note("fault", || format!("{kind:?}"));
        let node_id = 1 + self.rng.below(NODES as usize) as i32;
        let at = self.rng.below(self.partitions.len());
        let (topic, partition) = (self.partitions[at].topic.to_string(), self.partitions[at].partition);
        match kind {
            Kind::Restart => {
                let up = self.broker.catalog().brokers().filter(|broker| broker.is_up).count();
                if up == NODES as usize || self.rng.percent(30) {
                    self.steer(Steer::StopBroker { node_id });
                    let back = self.clock.now + self.rng.millis(50..=15_000);
                    self.clock.put(back, Happening::StartBroker(node_id));
                }
            }
            Kind::MoveLeader => self.steer(Steer::MoveLeader { topic, partition, node_id }),
            Kind::BumpEpoch => self.steer(Steer::BumpLeaderEpoch { topic, partition }),
            Kind::MoveCoordinator => {
                self.steer(Steer::MoveGroupCoordinator { group_id: GROUP.into(), node_id })
            }
            Kind::EvictSessions => self.steer(Steer::EvictFetchSessions),
            Kind::EndSession => {
                if let Some(id) = self.some_member() {
                    let member_id = self.members[&id].member_id.clone();
                    self.steer(Steer::EndSession { group_id: GROUP.into(), member_id });
                }
            }
            Kind::Disconnect => {
                for link in self.network.all() {
                    if self.network.node(link) == Some(node_id) {
                        self.network.break_off(link, &mut self.clock);
                    }
                }
            }
            Kind::Truncate => {
                let end = self.broker.log_end_offset(&topic, partition).unwrap_or_default();
                let start = self.broker.log_start_offset(&topic, partition).unwrap_or_default();
                let end_offset = (end - self.rng.within(0..=20) as i64).max(start);
                self.steer(Steer::Truncate { topic, partition, end_offset });
                // A batch that would be cut goes as a whole.
                let truth = self.broker.records(&self.partitions[at].topic, partition).unwrap_or_default();
                let end = truth.last().map_or(start, |record| record.offset + 1);
                self.trace.note("fault", || format!("{} now ends at {end}", self.partitions[at]));
                let epoch =
                    self.broker.leader(&self.partitions[at].topic, partition).ok().map(|(_, epoch)| epoch);
                let epoch = epoch.filter(|_| !self.reads_on_after_truncation());
                self.ledger.truncated(&self.partitions[at], end, epoch);
            }
            Kind::Trim => {
                let end = self.broker.log_end_offset(&topic, partition).unwrap_or_default();
                let start = self.broker.log_start_offset(&topic, partition).unwrap_or_default();
                let start_offset = start + self.rng.within(0..=(end - start) as u64) as i64;
                self.trace.note("fault", || format!("{topic}-{partition} now starts at {start_offset}"));
                self.steer(Steer::Trim { topic, partition, start_offset });
                self.ledger.trimmed(&self.partitions[at], start_offset);
            }
            Kind::Join if self.members.len() < MOST_MEMBERS => self.join(None),
            Kind::Leave if self.members.len() > 1 => {
                if let Some(id) = self.some_member() {
                    self.trace.note(&format!("c{id}"), || "is to leave");
                    self.member(id).application.leave();
                }
            }
            Kind::Crash => {
                if let Some(id) = self.some_member() {
                    let instance = self.members[&id].instance.clone();
                    let is_noticed = self.rng.percent(60);
                    self.crash(id, is_noticed);
                    // Static members return; so do others, as somebody else.
                    match instance {
                        Some(instance) if self.rng.percent(50) => self.go_away(instance),
                        Some(instance) => self.join(Some(instance)),
                        None => {}
                    }
                    if self.members.is_empty() {
                        self.join(None);
                    }
                }
            }
            Kind::SlowPoll => {
                if let Some(id) = self.some_member() {
                    let most = self.history.max_poll_interval.as_millis() as u64;
                    let sleeps = self.rng.millis(most / 2..=2 * most);
                    self.member(id).application.sleeps = Some(sleeps);
                }
            }
            Kind::AddPartitions => {
                let count = self.partitions.iter().filter(|known| *known.topic == *topic).count();
                if count < MOST_PARTITIONS {
                    self.steer(Steer::AddPartitions { topic: topic.clone(), count: 1 });
                    self.add_partitions(&topic, count as i32..count as i32 + 1);
                }
            }
            Kind::EndProducer if self.producers.len() < MOST_PRODUCERS => self.end_producer(),
            Kind::Join | Kind::Leave | Kind::EndProducer | Kind::Errors => {}
        }
    }

    /// A producer closes, is dropped or crashes, and another one is there.
    fn end_producer(&mut self) {
        let open = self.producers.values().filter(|producer| producer.is_open());
        let open: Vec<ClientId> = open.map(|producer| producer.id).collect();
        if open.is_empty() {
            return;
        }
        let id = *self.rng.pick(&open);
        let now = self.clock.now;
        let how = self.rng.below(4);
        self.trace.note(&format!("p{id}"), || ["crashes", "crashes unseen", "is dropped", "closes"][how]);
        let deadline = now + self.rng.millis(0..=3_000);
        let producer = self.producers.get_mut(&id).expect("it was chosen from those that there are");
        match how {
            0 | 1 => self.remove_producer(id, how == 0),
            2 => producer.abandon(now),
            _ => producer.close(deadline, now),
        }
        self.add_producer();
    }

    /// A static member is gone, and returns before or after its session is over, or does not.
    pub fn go_away(&mut self, instance: String) {
        if self.is_healed || self.rng.percent(30) {
            return;
        }
        let session_ms = self.history.session_timeout.as_millis() as u64;
        let back = self.clock.now + self.rng.millis(0..=2 * session_ms);
        self.away.insert(instance.clone());
        self.clock.put(back, Happening::Returns(instance));
    }

    /// A broker that was stopped starts.
    pub fn start_broker(&mut self, node_id: i32) {
        self.trace.note("fault", || format!("broker {node_id} starts"));
        self.steer(Steer::StartBroker { node_id });
        self.run_broker();
    }

    /// Nothing goes wrong any more.
    pub fn heal(&mut self) {
        self.trace.note("history", || "all is well from now on");
        self.is_healed = true;
        self.network.weather.stalls = 0;
        self.network.weather.breaks_before = 0;
        self.network.weather.breaks_after = 0;
        self.network.weather.refusals = 0;
        for node in 1..=NODES {
            self.start_broker(node);
        }
        // What is still on its way there would be a fault: a commit that comes after its successor.
        for link in self.network.given_up() {
            self.network.break_off(link, &mut self.clock);
        }
        for instance in std::mem::take(&mut self.away) {
            if self.rng.percent(50) {
                self.join(Some(instance));
            }
        }
        let now = self.clock.now;
        self.members.values_mut().for_each(|member| member.application.wake(now));
        if self.members.values().all(|member| member.application.is_leaving()) {
            self.join(None);
        }
    }

    /// Steers the brokers. What cannot be done just now is not done.
    fn steer(&mut self, steer: Steer) {
        let steered = self.broker.steer(steer, self.clock.now);
        self.trace.note("fault", || format!("{steered:?}"));
    }

    fn some_member(&mut self) -> Option<ClientId> {
        let ids: Vec<ClientId> = self.members.keys().copied().collect();
        (!ids.is_empty()).then(|| *self.rng.pick(&ids))
    }

    fn member(&mut self, id: ClientId) -> &mut crate::member::Member {
        self.members.get_mut(&id).expect("it was chosen from those that there are")
    }

    /// When the first fault comes.
    pub fn begin_faults(&mut self) {
        let first = self.clock.now + Duration::from_millis(500);
        self.clock.put(first, Happening::Fault);
    }
}
