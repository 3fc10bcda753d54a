//! What the application looks up: the requests go where they have to, and the answers to who asked.

use std::collections::BTreeSet;
use std::time::Instant;

use milena_protocol::{Api, RequestBody, ResponseBody};

use super::{Core, Tag};
use crate::Error;
use crate::core::connection::Lost;
use crate::core::io::Answer;
use crate::core::lookups::LookupToken;
use crate::core::network::Peer;

type Answered = Result<(i16, ResponseBody), Lost>;

impl Core {
    /// Goes on with all lookups as far as brokers can be asked now.
    pub(super) fn look_up(&mut self, now: Instant) {
        self.look_up_metadata(now);
        self.look_up_offsets(now);
        for (call, found) in self.lookups.take_finished(now) {
            self.answer(call, found.map(Answer::Found));
        }
    }

    fn look_up_metadata(&mut self, now: Instant) {
        while self.lookups.wants_metadata(now) {
            let Some((peer, versions)) = self.any_broker(now) else { return };
            let Some(version) = versions.newest(Api::Metadata) else {
                return self.fail(Error::Unsupported { api: Api::Metadata.name() });
            };
            let Some((request, token)) = self.lookups.next_metadata(version, now) else { return };
            let body = RequestBody::Metadata(request);
            self.send(peer, Api::Metadata, version, body, Tag::Lookup(token), now);
        }
    }

    fn look_up_offsets(&mut self, now: Instant) {
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
            let Some(asking) = self.lookups.next_offsets(can_send) else { break };
            let body = RequestBody::ListOffsets(asking.request);
            let tag = Tag::Lookup(asking.token);
            self.send(Peer::Node(asking.node_id), Api::ListOffsets, asking.api_version, body, tag, now);
        }
        for node_id in to_open {
            if !self.open_node(node_id, now) {
                self.lookups.broker_failed(node_id, &mut self.rng, now);
            }
        }
    }

    pub(super) fn lookup_answered(&mut self, token: LookupToken, answer: Answered, now: Instant) {
        match answer {
            Ok((version, ResponseBody::Metadata(response))) => {
                self.metadata.learn_brokers(&response, now);
                self.close_bootstrap();
                let answer = Some((&response, version));
                self.lookups.metadata_answered(token, answer, &mut self.rng, now);
            }
            Ok((_, ResponseBody::ListOffsets(response))) => {
                self.lookups.offsets_answered(token, Some(&response), &mut self.rng, now);
            }
            _ => self.lookups.unanswered(token, &mut self.rng, now),
        }
    }

    /// A broker cannot be reached: others may lead what was to be asked of it.
    pub(super) fn lookups_lose(&mut self, peer: Peer, now: Instant) {
        if let Peer::Node(node_id) = peer {
            self.lookups.broker_failed(node_id, &mut self.rng, now);
        }
    }
}
