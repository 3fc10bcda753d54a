//! Brokers: what there is in the cluster, whom to ask, and under which id to produce.

use std::collections::BTreeSet;
use std::time::Instant;

use milena_protocol::{Api, RequestBody, ResponseBody, Str};

use super::accumulator::Topic;
use super::io::Action;
use super::{Answered, Core, Tag};
use crate::Error;
use crate::core::any_broker::{any_broker, close_bootstrap, rebootstrap};
use crate::core::network::Peer;
use crate::core::report::Report;
use crate::core::versions::Versions;

/// The first version in which a request about no topics is about none.
const EMPTY_IS_NONE: i16 = 1;

impl Core {
    /// The topics whose metadata is kept: those that something was sent to within `metadata.max.idle.ms`.
    fn wanted_topics(&self, now: Instant) -> impl Iterator<Item = (&Str, &Topic)> {
        let idle = self.accumulator.settings.metadata_max_idle;
        self.accumulator.topics.iter().filter(move |(_, topic)| !topic.is_idle(idle, now))
    }

    pub(super) fn metadata_due(&self, now: Instant) -> Option<Instant> {
        let is_needed = !self.accumulator.topics.is_empty() || self.producer_id_due(now).is_some();
        let due = self.metadata.due(now).filter(|_| is_needed)?;
        // The first time nothing has been asked in vain that the back-off could be for.
        let has_new = self.wanted_topics(now).any(|(_, topic)| !topic.is_asked_for);
        Some(if has_new { now } else { due })
    }

    pub(super) fn refresh_metadata(&mut self, now: Instant) {
        if self.metadata.rebootstrap_due().is_some_and(|due| due <= now)
            && rebootstrap(&mut self.network, &mut self.metadata, now)
        {
            self.outbox.push_back(Action::Report(Report::Rebootstrapping));
        }
        if self.lacks_metadata(now) {
            self.metadata.request_refresh();
        }
        if self.metadata_due(now).is_none_or(|due| due > now) {
            return;
        }
        self.forget_idle_topics(now);
        self.metadata.wait(now);
        let Some((peer, versions)) = self.any_broker(now) else { return };
        let Some(version) = versions.newest(Api::Metadata) else { return };
        let wanted: BTreeSet<Str> = self.wanted_topics(now).map(|(name, _)| name.clone()).collect();
        if version < EMPTY_IS_NONE && wanted.is_empty() {
            return;
        }
        for (name, topic) in &mut self.accumulator.topics {
            topic.is_asked_for = wanted.contains(name);
        }
        let request = self.metadata.request(&wanted);
        self.metadata.sent(now);
        let tag = Tag::Metadata { topics: wanted };
        self.send_to(peer, Api::Metadata, version, RequestBody::Metadata(request), tag, now);
    }

    /// Whether a record waits for what is not known.
    fn lacks_metadata(&self, now: Instant) -> bool {
        self.wanted_topics(now).any(|(name, topic)| {
            let has_none = || self.metadata.topic(name).is_none_or(|known| known.partitions.is_empty());
            let is_waiting = !topic.waiting.is_empty();
            !self.covered.contains(name) || topic.waiting.lacks_partition() || is_waiting && has_none()
        })
    }

    fn forget_idle_topics(&mut self, now: Instant) {
        let idle = self.accumulator.settings.metadata_max_idle;
        let (topics, ratios) = (&mut self.accumulator.topics, &mut self.accumulator.ratios);
        topics.retain(|name, topic| {
            let is_idle = topic.is_idle(idle, now);
            if is_idle {
                ratios.forget(name);
            }
            !is_idle || !topic.is_forgettable()
        });
    }

    pub(super) fn metadata_answered(&mut self, topics: BTreeSet<Str>, answer: Answered, now: Instant) {
        let Ok((version, ResponseBody::Metadata(response))) = answer else {
            return self.metadata.failed(now);
        };
        if self.metadata.update(&response, version, now).is_err() {
            return;
        }
        self.covered = topics;
        self.metadata.retain_topics(&self.covered);
        close_bootstrap(&mut self.network);
    }

    fn any_broker(&mut self, now: Instant) -> Option<(Peer, Versions)> {
        let found = any_broker(&mut self.network, &mut self.metadata, &mut self.rng, now);
        if found.rebootstrapped {
            self.outbox.push_back(Action::Report(Report::Rebootstrapping));
        }
        found.usable
    }

    /// Sees to it that there is a connection to a broker.
    pub(super) fn open_node(&mut self, node_id: i32, now: Instant) {
        let Some(address) = self.metadata.broker(node_id).map(|broker| broker.address.clone()) else {
            return self.metadata.request_refresh();
        };
        let peer = Peer::Node(node_id);
        if !self.network.is_open(peer) && self.network.has_failed(peer) {
            // It may have moved, or lost what it led.
            self.metadata.request_refresh();
        }
        self.network.open(peer, &address, now);
    }

    fn send_to(&mut self, peer: Peer, api: Api, version: i16, body: RequestBody, tag: Tag, now: Instant) {
        let timeout = self.accumulator.settings.request_timeout;
        self.network.send(peer, (api, version), body, tag, timeout, now);
    }

    /// When to ask for the producer's id: as soon as there is something to send.
    pub(super) fn producer_id_due(&self, now: Instant) -> Option<Instant> {
        let is_needed = self.accumulator.settings.enable_idempotence && !self.accumulator.is_empty();
        self.producer_id.due(now).filter(|_| is_needed)
    }

    pub(super) fn ask_for_producer_id(&mut self, now: Instant) {
        if self.producer_id_due(now).is_none_or(|due| due > now) {
            return;
        }
        let Some((peer, versions)) = self.any_broker(now) else { return };
        let Some(version) = versions.newest(Api::InitProducerId) else {
            self.producer_id.failed(&mut self.rng, now);
            return self.fail_all(&Error::Unsupported { api: Api::InitProducerId.name() });
        };
        let request = self.producer_id.request();
        self.send_to(
            peer,
            Api::InitProducerId,
            version,
            RequestBody::InitProducerId(request),
            Tag::ProducerId,
            now,
        );
    }

    pub(super) fn producer_id_answered(&mut self, answer: Answered, now: Instant) {
        match answer {
            Ok((_, ResponseBody::InitProducerId(answer))) => {
                // What is there fails. The next record asks again: what the broker allows may have changed.
                if let Err(error) = self.producer_id.answered(&answer, &mut self.rng, now) {
                    self.fail_all(&error);
                }
            }
            _ => self.producer_id.failed(&mut self.rng, now),
        }
    }

    /// Begins new epochs where sequence numbers have a gap, as soon as nothing of the partition is in flight (KIP-360).
    pub(super) fn resolve_sequences(&mut self) {
        if !self.accumulator.settings.enable_idempotence {
            return;
        }
        let mut wants_bump = false;
        for queue in self.accumulator.queues_mut() {
            if queue.sequences.unresolved.is_some() && !queue.has_numbered() {
                queue.sequences.resolve();
            }
            wants_bump |= queue.sequences.bump && !queue.has_in_flight();
        }
        if !wants_bump {
            return;
        }
        let Some(ids) = self.producer_id.bump() else { return };
        for queue in self.accumulator.queues_mut() {
            if queue.sequences.bump && !queue.has_in_flight() {
                queue.renumber(ids);
            }
        }
    }
}
