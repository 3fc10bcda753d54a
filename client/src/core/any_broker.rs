//! Whom to ask what any broker can answer: the one that has the least to do, or who there is to begin with.

use std::time::Instant;

use super::metadata::{Address, Metadata};
use super::network::{Network, Peer};
use super::rng::Rng;
use super::versions::Versions;

/// What has come of looking for a broker.
#[derive(Debug, Default)]
pub(super) struct AnyBroker {
    /// Whom to ask now. `None` while there is no connection; one is on its way then, as far as back-off allows.
    pub(super) usable: Option<(Peer, Versions)>,
    /// There was neither a connection nor one on its way.
    pub(super) unreached: bool,
    /// It begins with the bootstrap servers again (KIP-899).
    pub(super) rebootstrapped: bool,
}

pub(super) fn any_broker<T>(
    network: &mut Network<T>,
    metadata: &mut Metadata,
    rng: &mut Rng,
    now: Instant,
) -> AnyBroker {
    let candidates = candidates(metadata);
    let usable = candidates
        .iter()
        .filter_map(|(peer, _)| Some((network.in_flight(*peer), *peer, network.usable(*peer, now)?)));
    if let Some((_, peer, versions)) = usable.min_by_key(|(in_flight, ..)| *in_flight) {
        return AnyBroker { usable: Some((peer, versions.clone())), ..AnyBroker::default() };
    }
    if candidates.iter().any(|(peer, _)| network.is_open(*peer)) {
        return AnyBroker::default();
    }
    let has_failed = |(peer, _): &(Peer, Address)| network.has_failed(*peer);
    let are_nodes = metadata.brokers().next().is_some();
    // KIP-899: those that were known may all have been replaced.
    if are_nodes && candidates.iter().all(has_failed) && rebootstrap(network, metadata, now) {
        let found = any_broker(network, metadata, rng, now);
        return AnyBroker { unreached: true, rebootstrapped: true, ..found };
    }
    let first = rng.below(candidates.len());
    let mut in_turn = candidates.iter().cycle().skip(first).take(candidates.len());
    if let Some((peer, address)) = in_turn.find(|(peer, _)| !network.is_backing_off(*peer, now)) {
        network.open(*peer, address, now);
    }
    AnyBroker { unreached: true, ..AnyBroker::default() }
}

/// Begins with the bootstrap servers again; `false` where that is not allowed.
pub(super) fn rebootstrap<T>(network: &mut Network<T>, metadata: &mut Metadata, now: Instant) -> bool {
    let nodes: Vec<i32> = metadata.brokers().map(|broker| broker.node_id).collect();
    let begins = metadata.rebootstrap(now);
    if begins {
        nodes.into_iter().for_each(|node| network.forget(Peer::Node(node)));
    }
    begins
}

/// Brokers are known by now: the connections to bootstrap servers have done their work.
pub(super) fn close_bootstrap<T>(network: &mut Network<T>) {
    let is_done = |peer: &Peer| matches!(peer, Peer::Bootstrap(_)) && network.in_flight(*peer) == 0;
    let done: Vec<Peer> = network.peers().filter(is_done).collect();
    done.into_iter().for_each(|peer| network.close(peer));
}

fn candidates(metadata: &Metadata) -> Vec<(Peer, Address)> {
    let nodes = metadata.brokers().map(|broker| (Peer::Node(broker.node_id), broker.address.clone()));
    let nodes: Vec<_> = nodes.collect();
    if !nodes.is_empty() {
        return nodes;
    }
    let bootstrap = metadata.bootstrap().iter().enumerate();
    bootstrap.map(|(i, address)| (Peer::Bootstrap(i), address.clone())).collect()
}
