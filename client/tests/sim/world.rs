//! Everything in one thread, under a virtual clock: brokers, consumers, writers, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use milena_broker::core::Core as Broker;
use milena_broker::core::catalog::BrokerNode;
use milena_broker::core::io::{Action as BrokerAction, Event as BrokerEvent};
use milena_client::TopicPartition;
use milena_client::core::consumer::Core;
use milena_client::core::io::{Action, Event};
use milena_client::core::metadata::Address;
use milena_client::core::producer::io::{Action as ProducerAction, Event as ProducerEvent};
use milena_protocol::records::{Batches, Decompressor};
use milena_protocol::{Request, RequestBody, Response, ResponseBody};

use crate::application::{Application, Around};
use crate::checks::{Ledger, Value};
use crate::clock::{Clock, NOON};
use crate::history::{GROUP, HOST, History, Kind, NODES, PORT};
use crate::member::{self, Member, Told};
use crate::network::{ClientId, LinkId, Network};
use crate::producer::Producer;
use crate::rng::Rng;
use crate::spoil;
use crate::trace::Trace;
use crate::writer::{Wish, Writer};

/// Something that will happen.
#[derive(Debug)]
pub enum Happening {
    /// An attempt to connect reaches the broker.
    Knocks(LinkId),
    /// The client learns that it is connected.
    Established(LinkId),
    ToBroker(LinkId, Bytes),
    ToClient(LinkId, Bytes),
    ClientLoses(LinkId, &'static str),
    BrokerLoses(LinkId),
    /// It is time for a fault.
    Fault,
    StartBroker(i32),
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
    broker_deadline: Option<Instant>,
    /// The brokers that accept connections.
    listening: BTreeSet<i32>,
    pub members: BTreeMap<ClientId, Member>,
    pub producers: BTreeMap<ClientId, Producer>,
    pub writers: BTreeMap<ClientId, Writer>,
    pub ledger: Ledger,
    pub trace: Trace,
    pub is_healed: bool,
    last_client: ClientId,
    pub partitions: Vec<TopicPartition>,
    decompressor: Decompressor,
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
            let created = world.broker.create_topic(&name, Some(count), Some(replicas), &[], world.clock.now);
            created.expect("it has no settings");
            world.add_partitions(&name, 0..count as i32);
        }
        for _ in 0..world.history.producers {
            let id = world.new_client();
            let rng = Rng::new(world.rng.next_u64());
            let producer = Producer::new(id, rng, world.history.produce_every_ms, world.clock.now, NOON);
            world.producers.insert(id, producer);
            world.ledger.is_idempotent(id);
        }
        for _ in 0..world.history.writers {
            let id = world.new_client();
            let rng = Rng::new(world.rng.next_u64());
            let writer = Writer::new(id, rng, world.history.produce_every_ms, world.clock.now);
            world.writers.insert(id, writer);
        }
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
        };
        self.members.insert(id, member);
    }

    /// A consumer is no more. Its connections break, or nobody learns that it is gone.
    pub fn crash(&mut self, id: ClientId, is_noticed: bool) {
        let Some(member) = self.members.remove(&id) else { return };
        self.trace.note(&member.application.name, || format!("crashes, noticed: {is_noticed}"));
        self.ledger.ends(id);
        for link in self.network.of_client(id) {
            let Some((client, end)) = self.network.clients(link) else { continue };
            if is_noticed {
                self.network.close_at_client(client, end, &mut self.clock);
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
                Wish::Close(end) => self.network.close_at_client(id, end, &mut self.clock),
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
        if let Some(member) = self.members.get_mut(&client) {
            self.trace.note(&member.application.name, || format!("<- {}", short(&response.body)));
            match member::told(&response) {
                Some(Told::Joined { generation, member_id }) => {
                    (member.joined, member.member_id) = (generation, member_id.to_owned());
                }
                Some(Told::Synced(assigned)) => {
                    self.ledger.generation(client, member.joined, Some(&assigned));
                }
                Some(Told::Epoch { epoch, member_id }) => {
                    member_id.iter().for_each(|id| member.member_id = (*id).to_owned());
                    self.ledger.generation(client, epoch, None);
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
                                for partition in &topic.partitions {
                                    let partition =
                                        TopicPartition::new(&topic.name, partition.partition_index);
                                    let generation = commit.generation_id_or_member_epoch;
                                    self.ledger.commits(id, &partition, generation);
                                }
                            }
                        }
                        self.network.ask(id, connection, &request, &mut self.clock);
                    }
                    Action::Close { connection } => {
                        self.network.close_at_client(id, connection, &mut self.clock);
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
            self.crash(id, true);
        }
    }

    /// Lets a producer do all that it can do now.
    fn run_producer(&mut self, id: ClientId) {
        let now = self.clock.now;
        let Some(producer) = self.producers.get_mut(&id) else { return };
        producer.go_on(&self.partitions, now);
        let name = format!("p{id}");
        loop {
            self.clock.step(&name);
            match producer.core.poll(now) {
                ProducerAction::Connect { connection, address } => {
                    self.network.connect(id, connection, node_of(&address), &mut self.clock);
                }
                ProducerAction::Send { connection, request } => {
                    self.trace.note(&name, || format!("-> {}", short(&request.body)));
                    self.network.ask(id, connection, &request, &mut self.clock);
                }
                ProducerAction::Close { connection } => {
                    self.network.close_at_client(id, connection, &mut self.clock);
                }
                ProducerAction::Settled(settled) => producer.settled(&settled),
                ProducerAction::Report(report) => self.trace.note(&name, || member::line(&report)),
                ProducerAction::Answer { .. } | ProducerAction::Disconnected { .. } => {}
                ProducerAction::Wait(deadline) => {
                    producer.deadline = deadline;
                    break;
                }
                ProducerAction::Finish => panic!("{name} finishes, and was not closed"),
            }
        }
        for (partition, offset, value) in std::mem::take(&mut producer.appended) {
            self.ledger.acknowledged(&partition, offset, value);
        }
    }

    /// Lets the broker read what has come on a connection.
    fn read_on(&mut self, link: LinkId) {
        if let Some(request) = self.network.next_request(link) {
            let event = BrokerEvent::Received { connection: link.into(), request };
            self.broker.handle(event, self.clock.now);
        }
    }

    /// Lets the broker do all that it can do now.
    pub fn run_broker(&mut self) {
        loop {
            self.clock.step("the broker");
            match self.broker.poll(self.clock.now) {
                BrokerAction::Send { connection, mut response } => {
                    let link = LinkId(connection.0);
                    self.spoil(link, &mut response);
                    if let Some(request) = self.network.answer(link, &response, &mut self.clock) {
                        self.note_effects(link, &request, &response);
                    }
                    self.read_on(link);
                }
                BrokerAction::Skip { connection } => {
                    self.network.skip(LinkId(connection.0));
                    self.read_on(LinkId(connection.0));
                }
                BrokerAction::Close { connection } => {
                    self.network.close_at_broker(LinkId(connection.0), &mut self.clock);
                }
                BrokerAction::Listen { node_id } => drop(self.listening.insert(node_id)),
                BrokerAction::Unlisten { node_id } => drop(self.listening.remove(&node_id)),
                BrokerAction::Wait(deadline) => {
                    self.broker_deadline = deadline;
                    return;
                }
                other => panic!("the broker wants {other:?}"),
            }
        }
    }

    /// Puts an error in the place of an answer, now and then.
    fn spoil(&mut self, link: LinkId, response: &mut Response) {
        let spoils = !self.is_healed && self.history.has(Kind::Errors);
        let is_members =
            self.network.client_of(link).is_some_and(|client| self.members.contains_key(&client));
        if spoils && is_members && self.rng.per_mille(30) && spoil::spoil(&mut response.body, &mut self.rng) {
            self.trace.note("fault", || format!("an answer is spoilt: {}", short(&response.body)));
        }
    }

    /// What the ledger has to know of what the broker has just done.
    fn note_effects(&mut self, link: LinkId, request: &Request, response: &Response) {
        match (&request.body, &response.body) {
            (RequestBody::Produce(request), ResponseBody::Produce(response)) => {
                let data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
                let answers = response.responses.iter().flat_map(|topic| {
                    let name = self.broker.catalog().topic_by_id(topic.topic_id).map(|known| &known.name);
                    let name = name.unwrap_or(&topic.name).clone();
                    topic.partition_responses.iter().map(move |answer| (name.clone(), answer))
                });
                for (data, (topic, answer)) in data.zip(answers).collect::<Vec<_>>() {
                    assert_eq!(data.index, answer.index, "answers come in the order of the questions");
                    // -1: it was there already, and the broker no longer knows where.
                    if answer.error_code.is_none() && answer.base_offset >= 0 {
                        let partition = TopicPartition { topic, partition: answer.index };
                        let records = data.records.clone().unwrap_or_default();
                        let values = values(&records, &mut self.decompressor);
                        self.trace.note("log", || {
                            format!("{partition} gets {values:?} from {} on", answer.base_offset)
                        });
                        self.ledger.appended(&partition, answer.base_offset, &values);
                    }
                }
            }
            (RequestBody::OffsetCommit(_), _) => {
                // A commit on a connection that its client has given up may have been overtaken by its successor.
                let is_late = self.network.clients(link).is_none();
                self.see_committed(is_late);
            }
            _ => {}
        }
    }

    pub fn see_committed(&mut self, is_late: bool) {
        for ((topic, partition), offset) in self.broker.committed(GROUP) {
            let partition = TopicPartition::new(&topic, partition);
            if self.ledger.last_committed(&partition) != Some(offset) {
                self.trace.note("log", || format!("{offset} is committed for {partition}"));
            }
            self.ledger.committed(&partition, offset, is_late);
        }
    }
}

/// The broker at an address.
fn node_of(address: &Address) -> Option<i32> {
    address.host.strip_prefix(HOST).and_then(|node| node.parse().ok())
}

/// The numbers of records.
pub fn values(records: &Bytes, decompressor: &mut Decompressor) -> Vec<Value> {
    let mut values = Vec::new();
    for batch in Batches::new(records) {
        let batch = batch.expect("a writer writes what can be read");
        for record in batch.records(decompressor).expect("it is compressed with what is built in") {
            let value = record.expect("a writer writes what can be read").value.expect("it has a value");
            values.push(Value::from_be_bytes(value.try_into().expect("it is a number")));
        }
    }
    values
}

/// As much of a message as a line of the trace has room for.
fn short(message: &impl std::fmt::Debug) -> String {
    let mut text = format!("{message:?}").replace("unknown_tagged_fields: TaggedFields([])", "");
    if text.len() > 600 {
        let end = (0..600).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}
