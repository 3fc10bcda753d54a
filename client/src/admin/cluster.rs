//! The brokers of a cluster, and who of them answers which question.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Instant;

use futures_util::future::join_all;
use milena_protocol::messages::metadata::{MetadataRequestTopic, MetadataResponsePartition};
use milena_protocol::messages::{FindCoordinatorRequest, MetadataRequest, MetadataResponse};
use milena_protocol::{Api, ErrorCode, RequestMessage, ResponseBody, Str};

use super::connection::{Connection, Dialing};
use crate::config::Config;
use crate::core::metadata::Address;
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// FindCoordinator asks about several groups at once from here on (KIP-699).
const MANY_COORDINATORS: i16 = 4;

/// Before this version of Metadata, asking for a topic may make it.
const NO_CREATION: i16 = 4;

/// Any version.
pub(super) const ANY: RangeInclusive<i16> = 0..=i16::MAX;

pub(super) struct Cluster {
    dialing: Dialing,
    /// How often a connection was made, or tried.
    attempts: usize,
    bootstrap: Vec<Address>,
    /// From the last metadata, by node id.
    brokers: BTreeMap<i32, Address>,
    /// Those that wait for a question. One that is being asked is not here, so that it goes where an answer is never
    /// read: when whoever waits for it gives up (A15).
    idle: BTreeMap<Address, Connection>,
}

/// The version of a question, and its answer.
pub(super) type Answered = Result<(i16, ResponseBody), Error>;

impl Cluster {
    pub(super) fn new(config: &Config) -> Self {
        Cluster {
            dialing: Dialing { settings: config.connection_settings(), sockets: config.socket_settings() },
            attempts: 0,
            bootstrap: config.bootstrap_servers.clone(),
            brokers: BTreeMap::new(),
            idle: BTreeMap::new(),
        }
    }

    /// Asks one broker.
    pub(super) async fn ask<M: RequestMessage>(
        &mut self,
        address: &Address,
        versions: RangeInclusive<i16>,
        deadline: Instant,
        question: impl FnOnce(i16) -> M,
    ) -> Answered {
        let mut answers = self.ask_each(vec![(address.clone(), question)], versions, deadline).await;
        answers.pop().expect("one question has one answer").1
    }

    /// Asks several brokers at the same time, each its own question.
    pub(super) async fn ask_each<M: RequestMessage, F: FnOnce(i16) -> M>(
        &mut self,
        questions: Vec<(Address, F)>,
        versions: RangeInclusive<i16>,
        deadline: Instant,
    ) -> Vec<(Address, Answered)> {
        let conversations = questions.into_iter().map(|(address, question)| {
            let idle = self.idle.remove(&address);
            self.attempts = self.attempts.wrapping_add(usize::from(idle.is_none()));
            converse(idle, address, self.attempts, &self.dialing, &versions, deadline, question)
        });
        let mut answers = Vec::new();
        for (address, connection, answer) in join_all(conversations).await {
            if let Some(connection) = connection {
                self.idle.insert(address.clone(), connection);
            }
            answers.push((address, answer));
        }
        answers
    }

    /// Asks one broker after the other until one answers: those that are known, then those to begin with.
    async fn ask_any<M: RequestMessage>(
        &mut self,
        versions: RangeInclusive<i16>,
        deadline: Instant,
        question: impl Fn(i16) -> M,
    ) -> Answered {
        let mut addresses: Vec<Address> = self.brokers.values().cloned().collect();
        addresses.extend(self.bootstrap.iter().cloned());
        // A broker that was connected already is the most likely to answer.
        addresses.sort_by_key(|address| !self.idle.contains_key(address));
        let mut last = Error::Broker { doing: "finding a broker", code: ErrorCode::BROKER_NOT_AVAILABLE };
        for (n, address) in addresses.iter().enumerate() {
            // One that is silent leaves the others their share of the time.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
            match self.ask(address, versions.clone(), Instant::now() + share, &question).await {
                Err(Error::Disconnected { address, cause }) => last = Error::Unreachable { address, cause },
                answer => return answer,
            }
        }
        Err(last)
    }

    /// What a broker knows of these topics, and who the brokers are.
    pub(super) async fn metadata(
        &mut self,
        topics: Vec<Str>,
        deadline: Instant,
    ) -> Result<MetadataResponse, Error> {
        let question = |_| {
            let mut request = MetadataRequest::default();
            request.topics = Some(topics.iter().cloned().map(MetadataRequestTopic::new).collect());
            request.allow_auto_topic_creation = false;
            request
        };
        let (_, answer) = self.ask_any(NO_CREATION..=i16::MAX, deadline, question).await?;
        let ResponseBody::Metadata(metadata) = answer else { return Err(unpaired(Api::Metadata)) };
        let address =
            |host: &Str, port| Some(Address { host: host.detached(), port: u16::try_from(port).ok()? });
        let brokers = metadata.brokers.iter();
        self.brokers = brokers.filter_map(|b| Some((b.node_id, address(&b.host, b.port)?))).collect();
        Ok(metadata)
    }

    /// All brokers.
    pub(super) async fn brokers(&mut self, deadline: Instant) -> Result<Vec<Address>, Error> {
        self.metadata(Vec::new(), deadline).await?;
        Ok(self.brokers.values().cloned().collect())
    }

    /// The leader of each of these partitions, or why there is none.
    pub(super) async fn leaders<'p>(
        &mut self,
        partitions: impl Iterator<Item = &'p TopicPartition> + Clone,
        deadline: Instant,
    ) -> Result<Vec<(&'p TopicPartition, Result<Address, ErrorCode>)>, Error> {
        let topics: BTreeSet<Str> = partitions.clone().map(|partition| partition.topic.clone()).collect();
        let metadata = self.metadata(topics.into_iter().collect(), deadline).await?;
        let topics = metadata.topics.iter().filter_map(|topic| Some((topic.name.as_ref()?, topic)));
        let topics: BTreeMap<&Str, _> = topics.collect();
        let mut known = BTreeMap::new();
        for (name, topic) in &topics {
            known.extend(topic.partitions.iter().map(|p| ((*name, p.partition_index), p)));
        }
        let leader = |wanted: &TopicPartition| match known.get(&(&wanted.topic, wanted.partition)) {
            Some(partition) => self.leader(partition),
            None => {
                let refused = topics.get(&wanted.topic).and_then(|topic| topic.error_code.ok().err());
                Err(refused.unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
            }
        };
        Ok(partitions.map(|wanted| (wanted, leader(wanted))).collect())
    }

    /// A broker leads until it is said otherwise, even when a replica elsewhere is missing.
    fn leader(&self, partition: &MetadataResponsePartition) -> Result<Address, ErrorCode> {
        match self.brokers.get(&partition.leader_id) {
            Some(leader) => Ok(leader.clone()),
            None => Err(partition.error_code.ok().err().unwrap_or(ErrorCode::LEADER_NOT_AVAILABLE)),
        }
    }

    /// The coordinator of a group.
    pub(super) async fn coordinator(&mut self, group: &Str, deadline: Instant) -> Result<Address, Error> {
        let question = |version| {
            let mut request = FindCoordinatorRequest::default();
            if version >= MANY_COORDINATORS {
                request.coordinator_keys = vec![group.clone()];
            } else {
                request.key = group.clone();
            }
            request
        };
        let (version, answer) = self.ask_any(ANY, deadline, question).await?;
        let ResponseBody::FindCoordinator(answer) = answer else {
            return Err(unpaired(Api::FindCoordinator));
        };
        let (error, host, port) = if version >= MANY_COORDINATORS {
            let ours = answer.coordinators.iter().find(|coordinator| coordinator.key == *group);
            ours.map_or((ErrorCode::COORDINATOR_NOT_AVAILABLE, &answer.host, 0), |ours| {
                (ours.error_code, &ours.host, ours.port)
            })
        } else {
            (answer.error_code, &answer.host, answer.port)
        };
        refused("finding the group's coordinator", error)?;
        let port = u16::try_from(port).ok().filter(|port| *port != 0);
        let port = port.ok_or(Error::Broker {
            doing: "finding the group's coordinator",
            code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
        })?;
        Ok(Address { host: host.detached(), port })
    }
}

/// One question and its answer; the connection comes back if another can follow.
async fn converse<M: RequestMessage>(
    idle: Option<Connection>,
    address: Address,
    attempt: usize,
    dialing: &Dialing,
    versions: &RangeInclusive<i16>,
    deadline: Instant,
    question: impl FnOnce(i16) -> M,
) -> (Address, Option<Connection>, Answered) {
    let conversation = async {
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&address, attempt, dialing).await?,
        };
        let answer = match connection.version(M::API, versions) {
            Some(version) => Ok((version, connection.ask(question(version), version).await?)),
            None => Err(Error::Unsupported { api: M::API.name() }),
        };
        Ok((connection, answer))
    };
    let patience = dialing.settings.request_timeout.min(deadline.saturating_duration_since(Instant::now()));
    let in_time = tokio::time::timeout(patience, conversation).await;
    match in_time.unwrap_or_else(|_| Err(format!("no answer within {patience:?}"))) {
        Ok((connection, answer)) => (address, Some(connection), answer),
        Err(cause) => {
            let error = Error::Disconnected { address: format!("{}:{}", address.host, address.port), cause };
            (address, None, Err(error))
        }
    }
}

/// A broker's refusal as an error.
pub(super) fn refused(doing: &'static str, code: ErrorCode) -> Result<(), Error> {
    code.ok().map_err(|code| Error::Broker { doing, code })
}

/// The codec pairs answers with questions; one that it could not read is of an API or a version that was not asked in.
pub(super) fn unpaired(api: Api) -> Error {
    Error::Unsupported { api: api.name() }
}
