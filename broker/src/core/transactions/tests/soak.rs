//! Random producers against a simple model: who reads with read_committed gets what was committed, in order, and nothing
//! else; whichever brokers lead, coordinate, or stand still.

use std::collections::BTreeMap;

use super::*;
use crate::core::cluster::TRANSACTION_STATE;
use crate::core::rng::Rng;
use crate::core::steering::Steer;

/// A transaction: which client's, and its number there.
type Id = (usize, u64);

/// What the log of a partition should be, and what transactions have written so far.
#[derive(Default)]
struct Model {
    /// By partition: the values, and by which client's which transaction they were written.
    logs: BTreeMap<i32, Vec<(String, Id)>>,
    /// How transactions have ended.
    committed: BTreeMap<Id, bool>,
}

impl Model {
    /// What is committed before the first record of a transaction that is open.
    fn committed(&self, partition: i32) -> Vec<&str> {
        let log = self.logs.get(&partition).map(Vec::as_slice).unwrap_or_default();
        let closed = log.iter().take_while(|(_, transaction)| self.committed.contains_key(transaction));
        let kept = closed.filter(|(_, transaction)| self.committed[transaction]);
        kept.map(|(value, _)| value.as_str()).collect()
    }
}

struct Run {
    sim: Sim,
    rng: Rng,
    model: Model,
    clients: Vec<Client>,
    /// The number of each client's transaction, and which partitions it has; `None` where none is open.
    open: Vec<Option<Vec<i32>>>,
    number: Vec<u64>,
    next_value: u64,
    /// To each broker that runs.
    connections: BTreeMap<i32, ConnectionId>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut sim = Sim::with_brokers(&[None, None, None], &[]);
        sim.topic("t", 3, &[]);
        let clients: Vec<Client> = (0..4).map(|n| Client::new(&mut sim, &format!("client-{n}"))).collect();
        let count = clients.len();
        Run {
            sim,
            rng: Rng::new(seed),
            model: Model::default(),
            clients,
            open: vec![None; count],
            number: vec![0; count],
            next_value: 0,
            connections: BTreeMap::new(),
        }
    }

    fn turn_to(&mut self, n: usize, node_id: i32) {
        let sim = &mut self.sim;
        self.clients[n].connection = *self.connections.entry(node_id).or_insert_with(|| sim.connect(node_id));
    }

    fn turn_to_leader(&mut self, n: usize, partition: i32) {
        let (leader, _) = self.sim.core.leader("t", partition).unwrap();
        self.turn_to(n, leader.expect("somebody runs"));
    }

    fn turn_to_coordinator(&mut self, n: usize) {
        let node_id = self.sim.core.cluster.known_coordinator(TRANSACTION_STATE, &self.clients[n].id);
        self.turn_to(n, node_id.expect("somebody runs"));
    }

    fn begin(&mut self, n: usize) {
        self.turn_to_coordinator(n);
        self.clients[n].begin(&mut self.sim);
    }

    fn key(&self, n: usize) -> Id {
        (n, self.number[n])
    }

    fn ended(&mut self, n: usize, committed: bool) {
        self.model.committed.insert(self.key(n), committed);
        self.open[n] = None;
        self.number[n] += 1;
    }

    /// The first two clients speak the newest versions, the others older ones.
    fn is_new(n: usize) -> bool {
        n < 2
    }

    fn step(&mut self) {
        let n = self.rng.below(self.clients.len());
        match self.rng.below(24) {
            0..12 => self.write(n),
            12..16 => self.end(n),
            16 => self.crash(n),
            17 => self.zombie(n),
            18 => self.sim.pass(self.rng.below(3_000) as u64),
            20.. => self.steer(n),
            _ => self.time_out(),
        }
    }

    /// Something moves, stops or starts.
    fn steer(&mut self, n: usize) {
        let node_id = 1 + self.rng.below(3) as i32;
        let running = self.sim.core.catalog().brokers().filter(|broker| broker.is_up).count();
        let steer = match self.rng.below(4) {
            0 => {
                let partition = self.rng.below(3) as i32;
                Steer::MoveLeader { topic: "t".into(), partition, node_id }
            }
            1 => Steer::MoveTransactionCoordinator { transactional_id: self.clients[n].id.clone(), node_id },
            2 if running > 1 => {
                self.connections.remove(&node_id);
                Steer::StopBroker { node_id }
            }
            _ => Steer::StartBroker { node_id },
        };
        // What is stopped cannot lead, and what runs cannot start.
        let _ = self.sim.core.steer(steer, self.sim.now);
        self.sim.run();
    }

    fn write(&mut self, n: usize) {
        let partition = self.rng.below(3) as i32;
        let values: Vec<String> = (0..1 + self.rng.below(3))
            .map(|_| {
                self.next_value += 1;
                self.next_value.to_string()
            })
            .collect();
        let borrowed: Vec<&str> = values.iter().map(String::as_str).collect();
        let version = if Self::is_new(n) { 12 } else { 9 };
        let has = self.open[n].get_or_insert_default();
        let is_there = has.contains(&partition);
        has.push(partition);
        if !Self::is_new(n) && !is_there {
            self.turn_to_coordinator(n);
            assert_eq!(self.clients[n].add(&mut self.sim, 3, &[partition]), [ErrorCode::NONE]);
        }
        self.turn_to_leader(n, partition);
        let client = &mut self.clients[n];
        assert_eq!(client.write(&mut self.sim, version, partition, &borrowed), ErrorCode::NONE);
        let key = self.key(n);
        self.model.logs.entry(partition).or_default().extend(values.into_iter().map(|value| (value, key)));
    }

    fn end(&mut self, n: usize) {
        if self.open[n].is_none() {
            return;
        }
        let committed = self.rng.below(2) == 0;
        let version = if Self::is_new(n) { 5 } else { 3 };
        self.turn_to_coordinator(n);
        let mut again = self.clients[n].clone();
        assert_eq!(self.clients[n].end(&mut self.sim, version, committed), ErrorCode::NONE);
        if self.rng.below(4) == 0 {
            // It did not get the answer.
            assert_eq!(again.end(&mut self.sim, version, committed), ErrorCode::NONE);
            assert_eq!(again.producer, self.clients[n].producer);
        }
        self.ended(n, committed);
    }

    /// A client starts anew, and aborts what it had open.
    fn crash(&mut self, n: usize) {
        self.begin(n);
        if self.open[n].is_some() {
            self.ended(n, false);
        }
    }

    /// An earlier instance of a client writes and ends, and does no harm.
    fn zombie(&mut self, n: usize) {
        let mut zombie = self.clients[n].clone();
        self.crash(n);
        let version = if Self::is_new(n) { 12 } else { 9 };
        let partition = self.rng.below(3) as i32;
        self.turn_to_leader(n, partition);
        zombie.connection = self.clients[n].connection;
        let code = zombie.write(&mut self.sim, version, partition, &["zombie"]);
        assert!(!code.is_none());
        self.turn_to_coordinator(n);
        zombie.connection = self.clients[n].connection;
        assert!(!zombie.end(&mut self.sim, if Self::is_new(n) { 5 } else { 3 }, true).is_none());
    }

    /// All stop for so long that what is open is aborted.
    fn time_out(&mut self) {
        self.sim.pass(75_000);
        for n in 0..self.clients.len() {
            if self.open[n].is_some() {
                self.ended(n, false);
                self.begin(n);
            }
        }
    }

    fn check(&mut self) {
        for partition in 0..3 {
            let values = committed_values(&mut self.sim, partition);
            assert_eq!(values, self.model.committed(partition), "partition {partition}");
        }
    }
}

#[test]
fn read_committed_gives_what_was_committed_in_order_and_nothing_else() {
    for seed in 0..40 {
        let mut run = Run::new(seed);
        for step in 0..150 {
            run.step();
            if step % 10 == 0 {
                run.check();
            }
        }
        for n in 0..run.clients.len() {
            run.end(n);
        }
        run.check();
    }
}
