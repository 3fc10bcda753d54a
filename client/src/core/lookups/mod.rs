//! What the application looks up: offsets by time, the ends of partitions, topics and their partitions.
//!
//! ```text
//!   ask ──> leaders known? ──no──> Metadata <──────────────────┐ some partitions are left: back off
//!                │                    │                        │
//!                └─────yes──────> ListOffsets, to each leader ─┴─> all found, or one refused: finished
//! ```
//! A lookup goes around until it is finished or its deadline has come. It has requests of its own, whose answers are its
//! alone: what the subscription knows of its topics, and when it asks again, stays as it is.

mod offsets;
mod question;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use milena_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use milena_protocol::{Api, ErrorCode, Str};

use super::backoff::Backoff;
use super::call_id::CallId;
use super::fetch_settings::IsolationLevel;
use super::metadata::Metadata;
use super::partition_info::{Nodes, PartitionInfo, partitions};
use super::rng::Rng;
use super::versions::Versions;
use crate::Error;
use offsets::Search;
pub use question::{Found, OffsetAndTimestamp, Question};

/// So many lookups may be under way. A call that is dropped leaves its lookup behind until it is done.
const LOOKUPS: usize = 100;
/// The first version of Metadata in which a request about no list is about all topics.
const NULL_IS_ALL: i16 = 1;
/// The first version of Metadata that can forbid the creation of topics.
const AUTO_CREATION: i16 = 4;

/// How things are looked up.
#[derive(Clone, Debug)]
pub(crate) struct LookupSettings {
    /// `isolation.level`: what counts as the end of a partition.
    pub(crate) isolation_level: IsolationLevel,
    /// `request.timeout.ms`: how long a broker may take.
    pub(crate) request_timeout: Duration,
    /// `retry.backoff.ms`: the first wait between two rounds. It doubles.
    pub(crate) retry_backoff: Duration,
    /// `retry.backoff.max.ms`: where the doubling ends.
    pub(crate) retry_backoff_max: Duration,
    /// `allow.auto.create.topics`: whether asking for a topic may create it.
    pub(crate) allow_auto_create_topics: bool,
}

/// The lookups under way.
#[derive(Debug)]
pub(super) struct Lookups {
    settings: LookupSettings,
    under_way: BTreeMap<u64, Lookup>,
    last: u64,
    finished: Vec<(CallId, Result<Found, Error>)>,
}

/// Names a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LookupToken {
    lookup: u64,
    /// The broker that was asked for offsets; `None` when it was for metadata.
    node_id: Option<i32>,
}

/// A request for offsets that has to go out.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) node_id: i32,
    pub(super) api_version: i16,
    pub(super) request: ListOffsetsRequest,
    pub(super) token: LookupToken,
}

#[derive(Debug)]
struct Lookup {
    call: CallId,
    asked: Instant,
    deadline: Instant,
    wanted: Wanted,
    metadata: MetadataStage,
    backoff: Backoff,
}

#[derive(Debug)]
enum Wanted {
    Offsets(Search),
    /// A topic; `None`: all topics.
    Topics(Option<Str>),
}

/// Where a lookup is with its question for metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetadataStage {
    /// To be asked, not before this time.
    Due(Option<Instant>),
    Asked,
    /// What there is will do.
    NotNeeded,
}

impl Lookups {
    pub(super) fn new(settings: LookupSettings) -> Self {
        Lookups { settings, under_way: BTreeMap::new(), last: 0, finished: Vec::new() }
    }

    /// The application asks. Leaders that `metadata` knows need not be asked for first.
    pub(super) fn ask(
        &mut self,
        call: CallId,
        question: Question,
        metadata: &Metadata,
        asked: Instant,
        deadline: Instant,
    ) {
        if self.under_way.len() >= LOOKUPS {
            return self.finished.push((call, Err(Error::TooManyLookups)));
        }
        let wanted = match question {
            Question::PartitionsFor(topic) => Wanted::Topics(Some(topic)),
            Question::ListTopics => Wanted::Topics(None),
            question => Wanted::Offsets(Search::new(question, metadata)),
        };
        let needs_metadata = match &wanted {
            Wanted::Offsets(search) if search.is_done() => {
                return self.finished.push((call, Ok(search.found())));
            }
            Wanted::Offsets(search) => search.lacks_leaders(),
            Wanted::Topics(_) => true,
        };
        let metadata = if needs_metadata { MetadataStage::Due(None) } else { MetadataStage::NotNeeded };
        self.last += 1;
        let backoff = Backoff::new(self.settings.retry_backoff, self.settings.retry_backoff_max);
        self.under_way.insert(self.last, Lookup { call, asked, deadline, wanted, metadata, backoff });
    }

    /// Whether any broker is to be asked for metadata now.
    pub(super) fn wants_metadata(&self, now: Instant) -> bool {
        self.under_way.values().any(|lookup| lookup.wants_metadata(now))
    }

    /// The next request for metadata; any broker can answer it.
    pub(super) fn next_metadata(
        &mut self,
        version: i16,
        now: Instant,
    ) -> Option<(MetadataRequest, LookupToken)> {
        let mut due = self.under_way.iter_mut().filter(|(_, lookup)| lookup.wants_metadata(now));
        let (id, lookup) = due.next()?;
        lookup.metadata = MetadataStage::Asked;
        let mut request = MetadataRequest::default();
        request.topics = match &lookup.wanted {
            Wanted::Topics(None) => (version < NULL_IS_ALL).then(Vec::new),
            Wanted::Topics(Some(topic)) => Some(vec![MetadataRequestTopic::new(topic.clone())]),
            Wanted::Offsets(search) => {
                Some(search.topics().into_iter().map(MetadataRequestTopic::new).collect())
            }
        };
        let may_create = self.settings.allow_auto_create_topics || request.topics.is_none();
        request.allow_auto_topic_creation = may_create || version < AUTO_CREATION;
        Some((request, LookupToken { lookup: *id, node_id: None }))
    }

    /// The next request for offsets to a broker that can take one.
    pub(super) fn next_offsets(
        &mut self,
        mut can_send: impl FnMut(i32) -> Option<Versions>,
    ) -> Option<Asking> {
        let mut unsupported = Vec::new();
        let asking = self.under_way.iter_mut().find_map(|(&id, lookup)| {
            let Wanted::Offsets(search) = &mut lookup.wanted else { return None };
            let ready = search.brokers_to_ask().find_map(|node_id| Some((node_id, can_send(node_id)?)));
            let (node_id, versions) = ready?;
            let Some(api_version) = offsets::version(&versions) else {
                unsupported.push(id);
                return None;
            };
            let request = search.ask(node_id, &self.settings);
            let token = LookupToken { lookup: id, node_id: Some(node_id) };
            Some(Asking { node_id, api_version, request, token })
        });
        for id in unsupported {
            self.finish(id, Err(Error::Unsupported { api: Api::ListOffsets.name() }));
        }
        asking
    }

    /// What came of a request for metadata, and in which version; `None`: nothing. An answer without brokers comes from
    /// one that is just starting, and is as good as none.
    pub(super) fn metadata_answered(
        &mut self,
        token: LookupToken,
        answer: Option<(&MetadataResponse, i16)>,
        rng: &mut Rng,
        now: Instant,
    ) {
        let Some(lookup) = self.under_way.get_mut(&token.lookup) else { return };
        let answer = answer.filter(|(answer, _)| answer.error_code.is_none() && !answer.brokers.is_empty());
        let Some((answer, version)) = answer else { return lookup.again(rng, now) };
        match &mut lookup.wanted {
            Wanted::Topics(asked) => match topics(answer, asked.as_ref()) {
                Some(result) => self.finish(token.lookup, result),
                None => lookup.again(rng, now),
            },
            Wanted::Offsets(search) => match search.take_leaders(answer, version) {
                Err(error) => self.finish(token.lookup, Err(error)),
                Ok(()) if search.brokers_to_ask().next().is_some() => {
                    lookup.metadata = MetadataStage::NotNeeded;
                }
                Ok(()) => lookup.again(rng, now),
            },
        }
    }

    /// What came of a request for offsets; `None`: nothing.
    pub(super) fn offsets_answered(
        &mut self,
        token: LookupToken,
        answer: Option<&ListOffsetsResponse>,
        rng: &mut Rng,
        now: Instant,
    ) {
        let Some(lookup) = self.under_way.get_mut(&token.lookup) else { return };
        let (Wanted::Offsets(search), Some(node_id)) = (&mut lookup.wanted, token.node_id) else { return };
        match search.answered(node_id, answer) {
            Err(error) => self.finish(token.lookup, Err(error)),
            Ok(()) => self.end_round(token.lookup, rng, now),
        }
    }

    /// A request will not be answered.
    pub(super) fn unanswered(&mut self, token: LookupToken, rng: &mut Rng, now: Instant) {
        match token.node_id {
            None => self.metadata_answered(token, None, rng, now),
            Some(_) => self.offsets_answered(token, None, rng, now),
        }
    }

    /// A broker cannot be reached. What is to be asked of it may have another leader by now.
    pub(super) fn broker_failed(&mut self, node_id: i32, rng: &mut Rng, now: Instant) {
        let ids: Vec<u64> = self.under_way.keys().copied().collect();
        for id in ids {
            if let Some(Lookup { wanted: Wanted::Offsets(search), .. }) = self.under_way.get_mut(&id)
                && search.broker_failed(node_id)
            {
                self.end_round(id, rng, now);
            }
        }
    }

    /// What is left after all brokers have answered goes around once more.
    fn end_round(&mut self, id: u64, rng: &mut Rng, now: Instant) {
        let Some(lookup) = self.under_way.get_mut(&id) else { return };
        let Wanted::Offsets(search) = &lookup.wanted else { return };
        if search.is_done() {
            let found = search.found();
            self.finish(id, Ok(found));
        } else if !search.is_asking() {
            lookup.again(rng, now);
        }
    }

    fn finish(&mut self, id: u64, result: Result<Found, Error>) {
        if let Some(lookup) = self.under_way.remove(&id) {
            self.finished.push((lookup.call, result));
        }
    }

    /// What has been looked up, or has taken too long.
    pub(super) fn take_finished(&mut self, now: Instant) -> Vec<(CallId, Result<Found, Error>)> {
        let late = |(id, lookup): (&u64, &Lookup)| (lookup.deadline <= now).then_some(*id);
        let late: Vec<u64> = self.under_way.iter().filter_map(late).collect();
        for id in late {
            let Some(Lookup { asked, deadline, wanted, .. }) = self.under_way.get(&id) else { continue };
            let doing = match wanted {
                Wanted::Offsets(_) => "looking up offsets",
                Wanted::Topics(_) => "looking up topics",
            };
            self.finish(id, Err(Error::Timeout { doing, after: *deadline - *asked }));
        }
        std::mem::take(&mut self.finished)
    }

    /// When a back-off ends or a lookup has taken too long.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let retries = self.under_way.values().filter_map(|lookup| match lookup.metadata {
            MetadataStage::Due(at) => at.filter(|at| *at > now),
            MetadataStage::Asked | MetadataStage::NotNeeded => None,
        });
        self.under_way.values().map(|lookup| lookup.deadline).chain(retries).min()
    }
}

impl Lookup {
    fn wants_metadata(&self, now: Instant) -> bool {
        matches!(self.metadata, MetadataStage::Due(at) if at.is_none_or(|at| at <= now))
    }

    /// Something is left: another round, after a while.
    fn again(&mut self, rng: &mut Rng, now: Instant) {
        self.metadata = MetadataStage::Due(Some(now + self.backoff.fail(rng)));
    }
}

/// The topics of an answer; `None` when it has to be asked for again. A topic that does not exist is left out.
fn topics(answer: &MetadataResponse, asked: Option<&Str>) -> Option<Result<Found, Error>> {
    let nodes = Nodes::of(answer);
    let mut found: BTreeMap<Str, Vec<PartitionInfo>> = BTreeMap::new();
    for topic in &answer.topics {
        let Some(name) = topic.name.as_ref().map(Str::detached) else { continue };
        match topic.error_code {
            ErrorCode::NONE if topic.partitions.is_empty() => {}
            ErrorCode::NONE => {
                let partitions = partitions(&name, topic, &nodes);
                found.insert(name, partitions);
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
            code if code.is_retriable() => return None,
            code => return Some(Err(Error::Topic { topic: name.to_string(), code })),
        }
    }
    Some(Ok(match asked {
        Some(topic) => Found::Partitions(found.remove(topic).unwrap_or_default()),
        None => Found::Topics(found),
    }))
}
