//! What the brokers do, and what the ledger has to know of it.

use bytes::Bytes;
use milena_broker::core::io::{Action as BrokerAction, Event as BrokerEvent};
use milena_broker::core::steering::Steer;
use milena_client::TopicPartition;
use milena_protocol::records::{Batches, Decompressor};
use milena_protocol::{Request, RequestBody, Response, ResponseBody, Str, Uuid};

use crate::checks::Value;
use crate::history::GROUP;
use crate::network::{ClientId, LinkId};
use crate::world::World;

impl World {
    /// Lets the broker read what has come on a connection.
    pub fn read_on(&mut self, link: LinkId) {
        let Some(request) = self.network.next_request(link) else { return };
        let fault = self.refuse(link, &request);
        // What has no answer is looked for in the log.
        let silent = if request.expects_response() { Vec::new() } else { self.produced(&request.body) };
        let ends = |world: &World, (at, _): &(TopicPartition, Vec<Value>)| {
            world.broker.log_end_offset(&at.topic, at.partition).unwrap_or_default()
        };
        let before: Vec<i64> = silent.iter().map(|produced| ends(self, produced)).collect();
        let event = BrokerEvent::Received { connection: link.into(), request };
        self.broker.handle(event, self.clock.now);
        fault
            .into_iter()
            .for_each(|fault| drop(self.broker.steer(Steer::RemoveFault(fault), self.clock.now)));
        for (produced, before) in silent.into_iter().zip(before) {
            let (partition, values) = &produced;
            if ends(self, &produced) > before {
                self.trace.note("log", || format!("{partition} gets {values:?} from {before} on"));
                self.ledger.appended(partition, before, values);
            }
        }
    }

    /// Lets the broker do all that it can do now.
    pub fn run_broker(&mut self) {
        loop {
            self.clock.step("the broker");
            match self.broker.poll(self.clock.now) {
                BrokerAction::Send { connection, mut response } => {
                    let link = LinkId(connection.0);
                    let truth = self.spoil(link, &mut response);
                    if let Some(request) = self.network.answer(link, &response, &mut self.clock) {
                        self.note_effects(link, &request, &truth.unwrap_or(response));
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

    /// What the ledger has to know of what the broker has just done.
    fn note_effects(&mut self, link: LinkId, request: &Request, response: &Response) {
        match (&request.body, &response.body) {
            (body @ RequestBody::Produce(_), ResponseBody::Produce(response)) => {
                let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
                for ((partition, values), answer) in self.produced(body).into_iter().zip(answers) {
                    assert_eq!(
                        partition.partition, answer.index,
                        "answers come in the order of the questions"
                    );
                    // -1: it was there already, and the broker no longer knows where.
                    if answer.error_code.is_none() && answer.base_offset >= 0 {
                        self.trace.note("log", || {
                            format!("{partition} gets {values:?} from {} on", answer.base_offset)
                        });
                        self.ledger.appended(&partition, answer.base_offset, &values);
                    }
                }
            }
            (RequestBody::OffsetCommit(request), ResponseBody::OffsetCommit(response)) => {
                // A commit on a connection that its client has given up may have been overtaken by its successor.
                let is_late = self.network.clients(link).is_none();
                self.see_committed(self.network.client_of(link), is_late);
                let answers = response.topics.iter().flat_map(|topic| &topic.partitions);
                let asked = request.topics.iter().flat_map(|topic| {
                    let name = self.topic_name(topic.topic_id, &topic.name);
                    topic.partitions.iter().map(move |asked| (name.clone(), asked))
                });
                for ((topic, asked), answer) in asked.zip(answers).collect::<Vec<_>>() {
                    assert_eq!(asked.partition_index, answer.partition_index, "answers come in order");
                    if answer.error_code.is_none() {
                        let partition = TopicPartition { topic, partition: answer.partition_index };
                        let (offset, epoch) = (asked.committed_offset, asked.committed_leader_epoch);
                        self.ledger.commit_done(&partition, offset, epoch, is_late);
                    }
                }
            }
            _ => {}
        }
    }

    /// What the group has committed: by this client, if by any.
    pub fn see_committed(&mut self, by: Option<ClientId>, is_late: bool) {
        for ((topic, partition), offset) in self.broker.committed(GROUP) {
            let partition = TopicPartition::new(&topic, partition);
            if self.ledger.last_committed(&partition) != Some(offset) {
                self.trace.note("log", || format!("{offset} is committed for {partition}"));
            }
            let is_late = is_late || by.is_some_and(|by| self.ledger.is_belated(by, &partition));
            self.ledger.committed(&partition, offset, is_late);
        }
    }

    /// What is to be written, and to which partitions.
    pub fn produced(&mut self, body: &RequestBody) -> Vec<(TopicPartition, Vec<Value>)> {
        let RequestBody::Produce(request) = body else { return Vec::new() };
        let mut produced = Vec::new();
        for topic in &request.topic_data {
            let name = self.topic_name(topic.topic_id, &topic.name);
            for data in &topic.partition_data {
                let values = values(&data.records.clone().unwrap_or_default(), &mut self.decompressor);
                produced.push((TopicPartition { topic: name.clone(), partition: data.index }, values));
            }
        }
        produced
    }

    /// A topic's name, where newer versions have its id.
    fn topic_name(&self, id: Uuid, name: &Str) -> Str {
        self.broker.catalog().topic_by_id(id).map_or(name, |known| &known.name).clone()
    }
}

/// The numbers of records.
fn values(records: &Bytes, decompressor: &mut Decompressor) -> Vec<Value> {
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
