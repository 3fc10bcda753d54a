//! Brokers: what there is in the cluster, whom to ask, and the requests of the fetch side.

use std::collections::BTreeSet;
use std::time::Instant;

use milena_protocol::messages::metadata::MetadataResponseTopic;
use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody, Str};

use super::{Core, Tag};
use crate::Error;
use crate::core::any_broker::{any_broker, close_bootstrap, rebootstrap};
use crate::core::assignors::{ClusterTopics, PartitionInfo};
use crate::core::connection::Lost;
use crate::core::fetching::{ConnectionLost, FetchToken, Outgoing};
use crate::core::metadata::{self, Address, Metadata};
use crate::core::network::Peer;
use crate::core::report::Report;
use crate::core::versions::Versions;

/// The first version in which a request about no topics is about none, and one about all has its own form.
const EMPTY_IS_NONE: i16 = 1;
/// The first version that can forbid the creation of topics.
const AUTO_CREATION: i16 = 4;

/// Of errors that nobody polls for, so many are kept.
const ERRORS: usize = 100;

type Answered = Result<(i16, ResponseBody), Lost>;

impl Core {
    /// When metadata is to be asked for; `None` while nobody needs any.
    pub(super) fn metadata_due(&self, now: Instant) -> Option<Instant> {
        let is_needed = self.subscription.uses_group()
            || self.fetching.assignment().next().is_some()
            || self.needs_coordinator();
        self.metadata.due(now).filter(|_| is_needed)
    }

    pub(super) fn refresh_metadata(&mut self, now: Instant) {
        if self.metadata.rebootstrap_due().is_some_and(|due| due <= now) {
            self.rebootstrap(now);
        }
        if self.lacks_topics() || !self.subscription.is_resolved() || self.has_unknown_topics() {
            self.metadata.request_refresh();
        }
        if self.metadata_due(now).is_none_or(|due| due > now) {
            return;
        }
        self.metadata.wait(now);
        let Some((peer, versions)) = self.any_broker(now) else { return };
        let Some(version) = versions.newest(Api::Metadata) else {
            return self.fail(Error::Unsupported { api: Api::Metadata.name() });
        };
        let wanted = self.wanted_topics();
        let wants_all = self.subscription.wants_all_topics();
        if version < EMPTY_IS_NONE && wanted.is_empty() && !wants_all {
            return;
        }
        let topic_ids = self.topics_known_by_id();
        let mut request = if topic_ids.is_empty() || version < metadata::TOPIC_IDS {
            self.metadata.request(&wanted)
        } else {
            self.metadata.request_by_id(topic_ids)
        };
        if wants_all {
            request.topics = None;
        }
        request.allow_auto_topic_creation |= version < AUTO_CREATION;
        self.metadata.sent(now);
        let tag = Tag::Metadata { topics: wanted, all: wants_all };
        self.send(peer, Api::Metadata, version, RequestBody::Metadata(request), tag, now);
    }

    pub(super) fn metadata_answered(
        &mut self,
        mut topics: BTreeSet<Str>,
        all: bool,
        answer: Answered,
        now: Instant,
    ) {
        let Ok((version, ResponseBody::Metadata(mut response))) = answer else {
            return self.metadata.failed(now);
        };
        if all && response.error_code.is_none() {
            let named = |topic: &MetadataResponseTopic| Some((topic.name.clone()?, topic.is_internal));
            let there: Vec<(Str, bool)> = response.topics.iter().filter_map(named).collect();
            if self.subscription.found(there.iter().map(|(name, is_internal)| (name, *is_internal))) {
                self.group.iter_mut().for_each(|group| group.membership.topics_changed());
            }
            // What is not there is known not to be, and what nobody wants is not kept.
            topics = self.wanted_topics();
            response.topics.retain(|topic| topic.name.as_ref().is_some_and(|name| topics.contains(name)));
        }
        if self.metadata.update(&response, version, now).is_err() {
            return;
        }
        for topic in &response.topics {
            if let (Err(code), Some(name)) = (topic.error_code.ok(), &topic.name)
                && !code.is_retriable()
                && self.reads(name)
            {
                self.fail(Error::Topic { topic: name.to_string(), code });
            }
        }
        // Those that were asked for by id too.
        topics.extend(response.topics.iter().filter_map(|topic| topic.name.as_ref().map(Str::detached)));
        self.topics.cover(topics);
        self.metadata.retain_topics(self.topics.covered());
        self.close_bootstrap();
        self.watch_topics();
    }

    /// For the leader of the group: joins again when the topics have changed.
    pub(super) fn watch_topics(&mut self) {
        let (metadata, is_rack_aware) = (&self.metadata, self.is_rack_aware);
        if let Some(membership) = self.group.as_mut().and_then(|group| group.membership.classic()) {
            membership.watch(|topics| cluster_topics(metadata, topics, is_rack_aware));
        }
    }

    /// Brokers are known by now, so these connections have done their work.
    pub(super) fn close_bootstrap(&mut self) {
        close_bootstrap(&mut self.network);
    }

    /// For the leader of the group: the topics to share out, and what of them is worth a rebalance when it changes.
    /// `None` while they are not known.
    pub(super) fn topics_to_lead(&self) -> Option<(ClusterTopics, ClusterTopics)> {
        let topics = self.classic_membership()?.topics_to_lead()?;
        topics.is_subset(self.topics.covered()).then(|| {
            let all = cluster_topics(&self.metadata, topics, true);
            (all, cluster_topics(&self.metadata, topics, self.is_rack_aware))
        })
    }

    /// The broker that has the least to do, to ask it what any broker can answer. `None` while there is no connection;
    /// one is on its way then, as far as back-off allows.
    pub(super) fn any_broker(&mut self, now: Instant) -> Option<(Peer, Versions)> {
        let found = any_broker(&mut self.network, &mut self.metadata, &mut self.rng, now);
        if found.unreached {
            self.unreached_since.get_or_insert(now);
        }
        if found.rebootstrapped {
            self.report(Report::Rebootstrapping);
        }
        found.usable
    }

    /// Begins with the bootstrap servers again, where that is allowed.
    fn rebootstrap(&mut self, now: Instant) {
        if rebootstrap(&mut self.network, &mut self.metadata, now) {
            self.report(Report::Rebootstrapping);
        }
    }

    /// Whether a broker could be asked for the coordinator now.
    pub(super) fn is_any_broker_usable(&self, now: Instant) -> bool {
        let mut peers = self.network.peers().filter(|peer| *peer != Peer::Coordinator);
        peers.any(|peer| self.network.usable(peer, now).is_some())
    }

    /// Lets the fetch side send what it wants to.
    pub(super) fn fetch(&mut self, now: Instant) {
        let mut to_open = BTreeSet::new();
        loop {
            let network = &self.network;
            let can_send = |node_id| {
                let versions = network.usable(Peer::Node(node_id), now);
                if versions.is_none() {
                    to_open.insert(node_id);
                }
                versions.cloned()
            };
            let Some(outgoing) = self.fetching.next_request(&mut self.metadata, now, can_send) else { break };
            self.send_outgoing(outgoing, now);
        }
        for node_id in to_open {
            self.open_node(node_id, now);
        }
    }

    /// Sees to it that there is a connection to a broker. `false` when nobody knows where it is.
    pub(super) fn open_node(&mut self, node_id: i32, now: Instant) -> bool {
        let Some(address) = self.metadata.broker(node_id).map(|broker| broker.address.clone()) else {
            return false;
        };
        let peer = Peer::Node(node_id);
        if !self.network.is_open(peer) && self.network.has_failed(peer) {
            // It may have moved, or lost what it led.
            self.metadata.request_refresh();
        }
        self.network.open(peer, &address, now);
        true
    }

    pub(super) fn send_outgoing(&mut self, outgoing: Outgoing, now: Instant) {
        let Outgoing { node_id, api, api_version, body, token } = outgoing;
        self.send(Peer::Node(node_id), api, api_version, body, Tag::Fetch(token), now);
    }

    pub(super) fn fetch_answered(&mut self, peer: Peer, token: FetchToken, answer: Answered, now: Instant) {
        let Peer::Node(node_id) = peer else { return };
        let answer = answer.map(|(_, body)| body).map_err(|_| ConnectionLost);
        self.fetching.handle_response(node_id, token, answer, &mut self.metadata, now);
    }

    pub(super) fn send(
        &mut self,
        peer: Peer,
        api: Api,
        version: i16,
        body: RequestBody,
        tag: Tag,
        now: Instant,
    ) {
        self.network.send(peer, (api, version), body, tag, self.request_timeout, now);
    }

    /// For the next poll. The same news need not be told twice.
    pub(super) fn fail(&mut self, error: Error) {
        if !self.errors.contains(&error) {
            if self.errors.len() == ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(error);
        }
    }

    /// When to tell the application that no broker can be reached.
    pub(super) fn unreachable_at(&self) -> Option<Instant> {
        let since = self.unreached_since.filter(|_| !self.network.ever_ready)?;
        Some(since + self.default_api_timeout)
    }

    /// That no broker could be reached for long enough to say so, or to say so again.
    pub(super) fn unreachable(&mut self, now: Instant) -> Option<Error> {
        self.unreachable_at().filter(|at| *at <= now)?;
        let error = self.never_reached()?;
        self.unreached_since = Some(now);
        Some(error)
    }

    /// Why no broker could be reached so far; `None` once one could.
    pub(super) fn never_reached(&self) -> Option<Error> {
        let (Address { host, port }, cause) =
            self.network.last_error().filter(|_| !self.network.ever_ready)?;
        Some(Error::Unreachable { address: format!("{host}:{port}"), cause: cause.to_owned() })
    }
}

/// What an assignor has to know of these topics.
fn cluster_topics(metadata: &Metadata, topics: &BTreeSet<Str>, with_racks: bool) -> ClusterTopics {
    let racks = |nodes: &[i32]| -> Vec<String> {
        let racks = nodes.iter().filter_map(|node| metadata.broker(*node)?.rack.as_ref());
        let racks: BTreeSet<String> = racks.filter(|_| with_racks).map(Str::to_string).collect();
        racks.into_iter().collect()
    };
    let known = topics.iter().filter_map(|name| {
        let topic = metadata.topic(name)?;
        if topic.error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
            return None;
        }
        let partitions = topic.partitions.iter();
        let infos =
            partitions.map(|(&index, partition)| PartitionInfo { index, racks: racks(&partition.replicas) });
        Some((name.to_string(), infos.collect()))
    });
    known.collect()
}
