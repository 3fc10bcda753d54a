//! Everything in one thread, under a virtual clock: brokers, consumers, writers, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use milena_broker::core::Core as Broker;
use milena_broker::core::catalog::BrokerNode;
use milena_broker::core::io::Event as BrokerEvent;
use milena_client::TopicPartition;
use milena_client::core::consumer::Core;
use milena_client::core::io::{Action, Event};
use milena_client::core::metadata::Address;
use milena_client::core::producer::io::{Action as ProducerAction, Event as ProducerEvent};
use milena_protocol::records::Decompressor;
use milena_protocol::{RequestBody, Response};

use crate::application::{Application, Around};
use crate::checks::Ledger;
use crate::clock::{Clock, NOON};
use crate::habits::Habits;
use crate::history::{HOST, History, Kind, NODES, PORT};
use crate::member::{self, Member, Told};
use crate::network::{ClientId, LinkId, Network};
use crate::producer::{Fate, Producer};
use crate::rng::Rng;
use crate::trace::{Trace, brief, short};
use crate::writer::{Wish, Writer};

/// Something that will happen.
#[derive(Debug)]
pub enum Happening {
    /// An attempt to connect reaches the broker.
    Knocks(LinkId),
    /// The client learns that it is connected.
    Established(LinkId),
    /// A request that has no answer is written.
    Written(LinkId),
    ToBroker(LinkId, Bytes),
    ToClient(LinkId, Bytes),
    ClientLoses(LinkId, &'static str),
    BrokerLoses(LinkId),
    /// It is time for a fault.
    Fault,
    StartBroker(i32),
    /// A static member is there again.
    Returns(String),
}

/// How many connections a consumer may have: to each broker, to the coordinator, and to one to begin with.
const CONNECTIONS: usize = 2 * NODES as usize + 2;

#[derive(Debug)]
pub struct World {
    pub history: History,
    pub clock: Clock<Happening>,
    pub rng: Rng,
    pub network: Network,
    pub broker: Broker,
    pub broker_deadline: Option<Instant>,
    /// The brokers that accept connections.
    pub listening: BTreeSet<i32>,
    pub members: BTreeMap<ClientId, Member>,
    pub producers: BTreeMap<ClientId, Producer>,
    pub writers: BTreeMap<ClientId, Writer>,
    pub ledger: Ledger,
    pub trace: Trace,
    pub is_healed: bool,
    last_client: ClientId,
    /// Static members that are gone, and return.
    pub away: BTreeSet<String>,
    pub partitions: Vec<TopicPartition>,
    pub decompressor: Decompressor,
}

impl World {
    pub fn new(history: History, trace: Trace) -> Self {
        let clock = Clock::new();
        let nodes = (1..=NODES).map(|node| BrokerNode::new(node, &format!("{HOST}{node}"), PORT, None));
        let broker = Broker::new(history.settings(), "sim", nodes, history.seed, clock.now, NOON);
        let mut world = World {
            rng: Rng::new(history.seed.wrapping_add(1)),
            network: Network::new(history.seed.wrapping_add(2)),
            broker,
            broker_deadline: None,
            listening: (1..=NODES).collect(),
            members: BTreeMap::new(),
            producers: BTreeMap::new(),
            writers: BTreeMap::new(),
            ledger: Ledger::new(history.from_latest),
            trace,
            is_healed: false,
            last_client: 0,
            away: BTreeSet::new(),
            partitions: Vec::new(),
            decompressor: Decompressor::new(),
            history,
            clock,
        };
        world.trace.note("history", || format!("{:?}", world.history));
        world.network.weather = world.history.weather.clone();
        world.grow_old();
        for (n, count) in world.history.topics.clone().into_iter().enumerate() {
            let (name, replicas) = (format!("t{n}"), 2 + world.rng.below(2));
            let limit = world.history.message_max_bytes.map(|bytes| bytes.to_string());
            let settings: Vec<_> = limit.iter().map(|bytes| ("max.message.bytes", bytes.as_str())).collect();
            let (count, replicas, now) = (Some(count), Some(replicas), world.clock.now);
            let created = world.broker.create_topic(&name, count, replicas, &settings, now);
            let count = count.unwrap_or_default();
            created.expect("topics have that setting");
            world.add_partitions(&name, 0..count as i32);
        }
        (0..world.history.producers).for_each(|_| world.add_producer());
        (0..world.history.writers).for_each(|_| world.add_writer());
        for _ in 0..world.history.members {
            world.join(None);
        }
        world
    }

    pub fn add_partitions(&mut self, topic: &str, partitions: std::ops::Range<i32>) {
        for partition in partitions {
            let partition = TopicPartition::new(topic, partition);
            self.ledger.add_partition(partition.clone());
            self.partitions.push(partition);
        }
    }

    fn new_client(&mut self) -> ClientId {
        self.last_client += 1;
        self.last_client
    }

    pub fn add_producer(&mut self) {
        let id = self.new_client();
        let mut rng = Rng::new(self.rng.next_u64());
        let habits = Habits::draw(&self.history, &mut rng);
        self.trace.note(&format!("p{id}"), || format!("{habits:?}"));
        self.ledger.promises.make(id, habits.promise());
        let unix_ms = NOON + self.clock.elapsed().as_millis() as i64;
        let (every_ms, time) = (self.history.produce_every_ms, (self.clock.now, unix_ms));
        let is_settled = !self.history.has(Kind::AddPartitions);
        self.producers.insert(id, Producer::new(id, habits, rng, every_ms, is_settled, time));
    }

    pub fn add_writer(&mut self) {
        let id = self.new_client();
        let rng = Rng::new(self.rng.next_u64());
        self.writers.insert(id, Writer::new(id, rng, self.history.produce_every_ms, self.clock.now));
    }

    /// A producer is no more.
    pub fn remove_producer(&mut self, id: ClientId, is_noticed: bool) {
        self.producers.remove(&id);
        self.lose_links(id, is_noticed);
    }

    /// One more consumer, in the place of the one of this instance if one is given.
    pub fn join(&mut self, instance: Option<String>) {
        let id = self.new_client();
        let name = format!("c{id}");
        let is_static = self.rng.percent(self.history.static_percent);
        let instance = instance.or_else(|| is_static.then(|| format!("static-{id}")));
        let config = self.history.config(&name, instance.as_deref());
        let (now, seed) = (self.clock.now, self.rng.next_u64());
        let unix_ms = NOON + self.clock.elapsed().as_millis() as i64;
        let core = Core::new(&config, seed, now, unix_ms).expect("its properties go together");
        self.trace.note(&name, || format!("is there, instance {instance:?}"));
        self.ledger.begins(id, instance.as_deref());
        let application = Application::new(id, name, &config, now);
        let member = Member {
            core,
            application,
            instance,
            deadline: Some(now),
            is_finished: false,
            member_id: String::new(),
            joined: -1,
            reached: -1,
            has_missed_one: false,
        };
        self.members.insert(id, member);
    }

    /// A consumer is no more. Its connections break, or nobody learns that it is gone.
    pub fn crash(&mut self, id: ClientId, is_noticed: bool) {
        let Some(member) = self.members.remove(&id) else { return };
        self.trace.note(&member.application.name, || format!("crashes, noticed: {is_noticed}"));
        self.ledger.ends(id);
        self.lose_links(id, is_noticed);
    }

    fn lose_links(&mut self, id: ClientId, is_noticed: bool) {
        for link in self.network.of_client(id) {
            let Some((client, end)) = self.network.clients(link) else { continue };
            if is_noticed {
                self.network.close_at_client(client, end, false, &mut self.clock);
            } else {
                self.network.lost_at_client(link);
            }
        }
    }

    /// Goes on to the next thing that happens, at `until` at the latest.
    pub fn step(&mut self, until: Instant) {
        let wakes = self.members.values().filter_map(Member::wakes_at);
        let writes = self.writers.values().map(|writer| writer.wakes_at);
        let sends = self.producers.values().filter_map(Producer::wakes_at);
        let next =
            wakes.chain(writes).chain(sends).chain(self.broker_deadline).chain(self.clock.next_at()).min();
        self.clock.advance_to(next.map_or(until, |next| next.min(until)));
        self.trace.at(self.clock.elapsed());
        let now = self.clock.now;
        while let Some(happening) = self.clock.due() {
            self.clock.step("the network");
            self.happen(happening);
        }
        if self.broker_deadline.is_some_and(|deadline| deadline <= now) {
            self.run_broker();
        }
        let due = |(id, member): (&ClientId, &Member)| member.wakes_at().filter(|at| *at <= now).map(|_| *id);
        let due: Vec<ClientId> = self.members.iter().filter_map(due).collect();
        due.into_iter().for_each(|id| self.run_member(id));
        let due = |producer: &&Producer| producer.wakes_at().is_some_and(|at| at <= now);
        let due: Vec<ClientId> = self.producers.values().filter(due).map(|producer| producer.id).collect();
        due.into_iter().for_each(|id| self.run_producer(id));
        let writers = self.writers.values().filter(|writer| writer.wakes_at <= now);
        let writers: Vec<ClientId> = writers.map(|writer| writer.id).collect();
        for id in writers {
            self.clock.step("a writer");
            let wishes = self.writers.get_mut(&id).map(|writer| writer.woken(&self.broker, now));
            self.grant(id, wishes.unwrap_or_default());
        }
    }

    fn grant(&mut self, id: ClientId, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Connect(end, node) => self.network.connect(id, end, Some(node), &mut self.clock),
                Wish::Send(end, request) => self.network.ask(id, end, &request, &mut self.clock),
                Wish::Close(end) => self.network.close_at_client(id, end, false, &mut self.clock),
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.clock.now;
        match happening {
            Happening::Knocks(link) => {
                let node = self.network.node(link).unwrap_or_default();
                if !self.listening.contains(&node) {
                    return self.client_loses(link, "refused");
                }
                self.network.accept(link, &mut self.clock);
                let client_host = "10.0.0.1".to_owned();
                let connected =
                    BrokerEvent::Connected { connection: link.into(), node_id: node, client_host };
                self.broker.handle(connected, now);
                self.run_broker();
            }
            Happening::Established(link) => {
                let Some((client, connection)) = self.network.clients(link) else { return };
                if let Some(writer) = self.writers.get_mut(&client) {
                    writer.connected(connection, now);
                }
                self.tell(client, Event::Connected { connection });
            }
            Happening::Written(link) => {
                let Some((client, connection)) = self.network.clients(link) else { return };
                self.tell(client, Event::Written { connection });
            }
            Happening::ToBroker(link, bytes) => {
                self.network.come_to_broker(link, &bytes);
                self.read_on(link);
                self.run_broker();
            }
            Happening::ToClient(link, bytes) => {
                for response in self.network.come_to_client(link, &bytes) {
                    self.came_to_client(link, response);
                }
            }
            Happening::ClientLoses(link, reason) => self.client_loses(link, reason),
            Happening::BrokerLoses(link) => {
                if self.network.lost_at_broker(link) {
                    self.broker.handle(BrokerEvent::Lost { connection: link.into() }, now);
                    self.run_broker();
                }
            }
            Happening::Fault => self.fault(),
            Happening::StartBroker(node) => self.start_broker(node),
            Happening::Returns(instance) => {
                if self.away.remove(&instance) {
                    self.join(Some(instance));
                }
            }
        }
    }

    fn client_loses(&mut self, link: LinkId, reason: &str) {
        let Some((client, connection)) = self.network.lost_at_client(link) else { return };
        if let Some(writer) = self.writers.get_mut(&client) {
            writer.lost(connection, self.clock.now);
        }
        self.tell(client, Event::Lost { connection, reason: reason.to_owned(), fault: None });
    }

    fn came_to_client(&mut self, link: LinkId, response: Response) {
        let Some((client, connection)) = self.network.clients(link) else { return };
        if let Some(writer) = self.writers.get_mut(&client) {
            return writer.received(connection, &response, self.clock.now);
        }
        if self.producers.contains_key(&client) {
            self.trace.note(&format!("p{client}"), || format!("<- {}", short(&response.body)));
        }
        if let Some(member) = self.members.get_mut(&client) {
            self.trace.note(&member.application.name, || format!("<- {}", short(&response.body)));
            match member::told(&response) {
                Some(Told::Joined { generation, member_id }) => {
                    member.has_missed_one |= member.reached >= 0 && member.reached + 1 < generation;
                    (member.joined, member.member_id) = (generation, member_id.to_owned());
                }
                Some(Told::Synced(assigned)) => {
                    member.reached = member.joined;
                    let has_missed_one = std::mem::take(&mut member.has_missed_one);
                    self.ledger.synced(client, member.joined, &assigned, has_missed_one);
                }
                Some(Told::Overtaken) => member.reached = member.joined,
                Some(Told::Epoch { epoch, member_id }) => {
                    member_id.iter().for_each(|id| member.member_id = (*id).to_owned());
                    self.ledger.epoch(client, epoch);
                }
                None => {}
            }
        }
        self.tell(client, Event::Received { connection, response: Box::new(response) });
    }

    /// Tells a consumer's core, or a producer's, if it is one.
    fn tell(&mut self, client: ClientId, event: Event) {
        if let Some(producer) = self.producers.get_mut(&client) {
            let event = match event {
                Event::Connected { connection } => ProducerEvent::Connected { connection },
                Event::Lost { connection, reason, fault } => {
                    ProducerEvent::Lost { connection, reason, fault }
                }
                Event::Received { connection, response } => ProducerEvent::Received { connection, response },
                Event::Written { connection } => ProducerEvent::Written { connection },
                other => unreachable!("the network does nothing else: {other:?}"),
            };
            producer.core.handle(event, self.clock.now);
            self.run_producer(client);
        } else if let Some(member) = self.members.get_mut(&client) {
            member.core.handle(event, self.clock.now);
            self.run_member(client);
        }
    }

    /// Lets a consumer do all that it can do now.
    pub fn run_member(&mut self, id: ClientId) {
        let now = self.clock.now;
        let Some(member) = self.members.get_mut(&id) else { return };
        loop {
            loop {
                self.clock.step(&member.application.name);
                match member.core.poll(now) {
                    Action::Connect { connection, address } => {
                        let node = node_of(&address);
                        self.trace.note(&member.application.name, || format!("connects to {node:?}"));
                        self.network.connect(id, connection, node, &mut self.clock);
                        let count = self.network.count(id);
                        assert!(count <= CONNECTIONS, "client {id} has {count} connections");
                    }
                    Action::Send { connection, request } => {
                        self.trace.note(&member.application.name, || format!("-> {}", short(&request.body)));
                        if let RequestBody::OffsetCommit(commit) = &request.body {
                            for topic in &commit.topics {
                                for asked in &topic.partitions {
                                    let partition = TopicPartition::new(&topic.name, asked.partition_index);
                                    let generation = commit.generation_id_or_member_epoch;
                                    self.ledger.commits(id, &partition, generation);
                                }
                            }
                        }
                        self.network.ask(id, connection, &request, &mut self.clock);
                    }
                    Action::Close { connection } => {
                        self.network.close_at_client(id, connection, false, &mut self.clock);
                    }
                    Action::Update(update) => member.application.tell(update),
                    Action::Report(report) => {
                        self.trace.note(&member.application.name, || member::line(&report));
                    }
                    Action::Answer { call, answer } => {
                        self.trace.note(&member.application.name, || format!("call {}: {answer:?}", call.0));
                        member.application.answered(call, answer);
                    }
                    Action::Wait(deadline) => {
                        member.deadline = deadline;
                        break;
                    }
                    Action::Finish => {
                        (member.deadline, member.is_finished) = (None, true);
                        break;
                    }
                }
            }
            let mut around = Around {
                now,
                history: &self.history,
                ledger: &mut self.ledger,
                rng: &mut self.rng,
                trace: &self.trace,
                is_healed: self.is_healed,
            };
            if !member.application.go_on(&mut member.core, &mut around) {
                break;
            }
        }
        if member.application.is_fenced {
            let instance = member.instance.clone();
            self.crash(id, true);
            self.join(instance);
        } else if member.application.is_closed() && member.is_finished {
            self.trace.note(&format!("c{id}"), || "is closed");
            let instance = member.instance.take();
            self.crash(id, true);
            instance.into_iter().for_each(|instance| self.go_away(instance));
        }
    }

    /// Lets a producer do all that it can do now.
    fn run_producer(&mut self, id: ClientId) {
        let now = self.clock.now;
        let Some(producer) = self.producers.get_mut(&id) else { return };
        producer.go_on(&self.partitions, now);
        let name = format!("p{id}");
        let is_finished = loop {
            self.clock.step(&name);
            match producer.core.poll(now) {
                ProducerAction::Connect { connection, address } => {
                    self.network.connect(id, connection, node_of(&address), &mut self.clock);
                    let count = self.network.count(id);
                    assert!(count <= CONNECTIONS, "client {id} has {count} connections");
                }
                ProducerAction::Send { connection, request } => {
                    self.trace.note(&name, || format!("-> {}", brief(&request.body)));
                    self.network.ask(id, connection, &request, &mut self.clock);
                }
                ProducerAction::Close { connection } => {
                    let comes_late = self.history.comes_late;
                    self.network.close_at_client(id, connection, comes_late, &mut self.clock);
                }
                ProducerAction::Settled(settled) => {
                    self.trace.note(&name, || format!("{settled:?}"));
                    producer.settled(&settled, now);
                }
                ProducerAction::Report(report) => self.trace.note(&name, || member::line(&report)),
                ProducerAction::Answer { call, answer } => producer.answered(call, answer, now),
                ProducerAction::Disconnected { .. } => {}
                ProducerAction::Wait(deadline) => {
                    producer.deadline = deadline;
                    break false;
                }
                ProducerAction::Finish => {
                    producer.finished();
                    break true;
                }
            }
        };
        for fate in std::mem::take(&mut producer.fates) {
            match fate {
                Fate::Appended(partition, offset, value) => {
                    self.ledger.acknowledged(&partition, offset, value);
                }
                Fate::GivenUp(value) => self.ledger.promises.given_up(value),
                Fate::Unsent(value) => self.ledger.promises.unsent(value),
            }
        }
        if is_finished {
            self.trace.note(&name, || "is closed");
            self.remove_producer(id, true);
        }
    }
}

/// The broker at an address.
fn node_of(address: &Address) -> Option<i32> {
    address.host.strip_prefix(HOST).and_then(|node| node.parse().ok())
}
