//! A producer's core under a virtual clock, and a cluster that does as the test says.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::produce::{PartitionProduceResponse, TopicProduceResponse};
use milena_protocol::messages::{
    ApiVersionsResponse, InitProducerIdResponse, ProduceRequest, ProduceResponse,
};
use milena_protocol::records::{Batches, Decompressor};
use milena_protocol::{Api, ErrorCode, Request, RequestBody, ResponseBody, Uuid};

use crate::core::connection::ConnectionId;
use crate::core::producer::Core;
use crate::core::producer::io::{Action, CallId, Command, Event, ProducerRecord, RecordMetadata, SendId};
use crate::core::test_support::{T, metadata_response, partition_answer, start, topic_answer};
use crate::{Error, ProducerConfig};

pub const ID: Uuid = Uuid([7; 16]);

pub struct World {
    pub core: Core,
    pub now: Instant,
    start: Instant,
    /// The leader of each partition of topic `t`, and its epoch.
    pub leaders: Vec<(i32, i32)>,
    /// What is said of the topic.
    pub topic_error: ErrorCode,
    /// What is said to whoever asks for an id.
    pub id_error: ErrorCode,
    /// The newest version of Produce that brokers know.
    pub produce_version: i16,
    /// Nobody answers about metadata.
    pub is_silent: bool,
    connections: BTreeMap<ConnectionId, i32>,
    /// Produce requests that have no answer yet.
    pub requests: VecDeque<Asked>,
    /// Others, which came behind them: a broker answers in turn.
    behind: VecDeque<(ConnectionId, Request)>,
    pub settled: BTreeMap<SendId, Result<RecordMetadata, Error>>,
    pub order: Vec<SendId>,
    pub answers: BTreeMap<CallId, Result<(), Error>>,
    pub finished: bool,
    /// How often an id was asked for.
    pub ids_asked: u32,
    /// The topics of each request about metadata.
    pub asked_about: Vec<String>,
}

/// A Produce request for one partition.
pub struct Asked {
    pub node: i32,
    connection: ConnectionId,
    request: Request,
    /// The batches: partition, producer epoch, base sequence, values.
    pub batches: Vec<(i32, i16, i32, Vec<String>)>,
}

impl World {
    pub fn new(config: impl FnOnce(ProducerConfig) -> ProducerConfig) -> World {
        let config = config(ProducerConfig::new("host:9001").unwrap().client_id("me"));
        let now = start();
        World {
            core: Core::new(&config, 1, now, 1_000_000).unwrap(),
            now,
            start: now,
            leaders: vec![(1, 1)],
            topic_error: ErrorCode::NONE,
            id_error: ErrorCode::NONE,
            produce_version: *Api::Produce.versions().end(),
            is_silent: false,
            connections: BTreeMap::new(),
            requests: VecDeque::new(),
            behind: VecDeque::new(),
            settled: BTreeMap::new(),
            order: Vec::new(),
            answers: BTreeMap::new(),
            finished: false,
            ids_asked: 0,
            asked_about: Vec::new(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn send(&mut self, value: &str) -> SendId {
        self.core.send(&ProducerRecord::new("t").partition(0).value(value), self.now).unwrap().id
    }

    /// Sends, and lets the batch go.
    pub fn send_now(&mut self, value: &str) -> SendId {
        let id = self.send(value);
        self.pass(5 * T);
        id
    }

    pub fn call(&mut self, command: Command) -> CallId {
        let call = CallId(self.answers.len() as u64 + 1000);
        self.core.handle(Event::Called { call, command }, self.now);
        self.run();
        call
    }

    /// Does what the core says until it waits; gives how long.
    pub fn run(&mut self) -> Option<Instant> {
        loop {
            match self.core.poll(self.now) {
                Action::Wait(deadline) => return deadline,
                Action::Finish => {
                    self.finished = true;
                    return None;
                }
                action => self.act(action),
            }
        }
    }

    /// Lets time pass, and all happen that is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.run().filter(|deadline| *deadline <= end) {
            assert!(deadline > self.now, "it would turn in circles");
            self.now = deadline;
        }
        self.now = end;
        self.run();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { connection, address } => {
                self.connections.insert(connection, i32::from(address.port) - 9000);
                self.core.handle(Event::Connected { connection }, self.now);
            }
            Action::Close { connection } => self.forget(connection),
            Action::Send { connection, request } => self.receive(connection, *request),
            Action::Settled(settled) => {
                for (id, result) in settled.each() {
                    self.order.push(id);
                    assert!(self.settled.insert(id, result).is_none(), "{id:?} is settled twice");
                }
            }
            Action::Answer { call, answer } => drop(self.answers.insert(call, answer)),
            Action::Report(_) | Action::Disconnected { .. } => {}
            Action::Wait(_) | Action::Finish => unreachable!(),
        }
    }

    fn forget(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.requests.retain(|asked| asked.connection != connection);
        self.behind.retain(|(other, _)| *other != connection);
    }

    fn receive(&mut self, connection: ConnectionId, request: Request) {
        let has_to_wait = self.requests.iter().any(|asked| asked.connection == connection);
        if has_to_wait && !matches!(request.body, RequestBody::Produce(_)) {
            return self.behind.push_back((connection, request));
        }
        match &request.body {
            RequestBody::ApiVersions(_) => {
                let mut answer = ApiVersionsResponse::default();
                let apis = [Api::Produce, Api::Metadata, Api::InitProducerId, Api::ApiVersions];
                let range =
                    |api: Api| ApiVersion::new(api.key(), *api.versions().start(), *api.versions().end());
                answer.api_keys = apis.map(range).to_vec();
                answer.api_keys[0].max_version = self.produce_version;
                self.answer(connection, &request, answer.into());
            }
            RequestBody::Metadata(body) => {
                let names = body.topics.iter().flatten().filter_map(|topic| topic.name.as_deref());
                self.asked_about.push(names.collect::<Vec<_>>().join(" "));
                if self.is_silent {
                    return;
                }
                let partitions = self.leaders.iter().enumerate();
                let partitions =
                    partitions.map(|(i, (node, epoch))| partition_answer(i as i32, *node, *epoch));
                let mut topic = topic_answer("t", ID, partitions.collect());
                if !self.topic_error.is_none() {
                    (topic.error_code, topic.partitions) = (self.topic_error, Vec::new());
                }
                let answer = metadata_response(&[1, 2], vec![topic]);
                self.answer(connection, &request, answer.into());
            }
            RequestBody::InitProducerId(_) => {
                self.ids_asked += 1;
                let mut answer = InitProducerIdResponse::default();
                (answer.producer_id, answer.producer_epoch) = (77, 0);
                answer.error_code = self.id_error;
                self.answer(connection, &request, answer.into());
            }
            RequestBody::Produce(body) => {
                let (node, batches) = (self.connections[&connection], batches(body));
                self.requests.push_back(Asked { node, connection, request, batches });
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, connection: ConnectionId, request: &Request, body: ResponseBody) {
        let response = Box::new(request.pairing().answer(body));
        self.core.handle(Event::Received { connection, response }, self.now);
    }

    /// The values of the batches in the requests that wait, one string each.
    pub fn waiting(&self) -> Vec<String> {
        self.requests.iter().flat_map(|asked| &asked.batches).map(|(.., values)| values.join(" ")).collect()
    }

    /// Answers the oldest request, with an error and a base offset for all that is in it.
    pub fn reply(&mut self, code: ErrorCode, base_offset: i64) {
        self.reply_with(|answer| (answer.error_code, answer.base_offset) = (code, base_offset));
    }

    pub fn reply_with(&mut self, change: impl Fn(&mut PartitionProduceResponse)) {
        let asked = self.requests.pop_front().expect("nothing was asked");
        let mut topic = TopicProduceResponse::default();
        topic.topic_id = ID;
        for (partition, ..) in &asked.batches {
            let mut answer = PartitionProduceResponse::default();
            (answer.index, answer.log_append_time_ms) = (*partition, -1);
            change(&mut answer);
            topic.partition_responses.push(answer);
        }
        let mut response = ProduceResponse::default();
        response.responses = vec![topic];
        self.answer(asked.connection, &asked.request, response.into());
        for (connection, request) in std::mem::take(&mut self.behind) {
            self.receive(connection, request);
        }
        self.run();
    }

    /// Breaks all connections.
    pub fn cut(&mut self) {
        for connection in self.connections.keys().copied().collect::<Vec<_>>() {
            self.forget(connection);
            let reason = "cut".to_owned();
            self.core.handle(Event::Lost { connection, reason, fault: None }, self.now);
        }
        self.run();
    }

    pub fn offset(&self, id: SendId) -> Option<i64> {
        self.settled.get(&id)?.as_ref().ok()?.offset
    }

    pub fn error(&self, id: SendId) -> &Error {
        self.settled[&id].as_ref().unwrap_err()
    }
}

fn batches(request: &ProduceRequest) -> Vec<(i32, i16, i32, Vec<String>)> {
    let mut all = Vec::new();
    for data in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
        let bytes = data.records.as_ref().unwrap();
        let batch = Batches::new(bytes).next().unwrap().unwrap();
        let mut decompressor = Decompressor::new();
        let records = batch.records(&mut decompressor).unwrap();
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        let values = records.map(|record| text(record.unwrap().value)).collect();
        all.push((data.index, batch.producer_epoch, batch.base_sequence, values));
    }
    all
}
