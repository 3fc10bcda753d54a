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
    if candidates.iter().any(|(peer, _)| network.is_opening(*peer)) {
        return AnyBroker::default();
    }
    // To some there are connections, then, on which nothing may be sent for a while; so another is opened.
    let is_open = |(peer, _): &(Peer, Address)| network.is_open(*peer);
    let (held_back, candidates): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_open);
    if candidates.is_empty() {
        return AnyBroker::default();
    }
    let has_failed = |(peer, _): &(Peer, Address)| network.has_failed(*peer);
    let are_nodes = metadata.brokers().next().is_some();
    // KIP-899: those that were known may all have been replaced.
    if are_nodes
        && held_back.is_empty()
        && candidates.iter().all(has_failed)
        && rebootstrap(network, metadata, now)
    {
        let found = any_broker(network, metadata, rng, now);
        return AnyBroker { unreached: true, rebootstrapped: true, ..found };
    }
    let first = rng.below(candidates.len());
    let mut in_turn = candidates.iter().cycle().skip(first).take(candidates.len());
    if let Some((peer, address)) = in_turn.find(|(peer, _)| !network.is_backing_off(*peer, now)) {
        network.open(*peer, address, now);
    }
    AnyBroker { unreached: held_back.is_empty(), ..AnyBroker::default() }
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

#[cfg(test)]
mod tests {
    use milena_protocol::messages::ApiVersionsResponse;
    use milena_protocol::{Response, ResponseBody, ResponseHeader};

    use super::*;
    use crate::core::io::Action;
    use crate::core::metadata::MetadataSettings;
    use crate::core::test_support::{T, connection_settings, metadata_response, start};

    #[test]
    fn t25_while_one_broker_wants_to_be_left_alone_another_is_asked() {
        let now = start();
        let mut metadata = Metadata::new(Vec::new(), MetadataSettings::default());
        metadata.update(&metadata_response(&[1, 2], vec![]), 12, now).unwrap();
        let mut network: Network<()> = Network::new(connection_settings(), Rng::new(1));
        let mut rng = Rng::new(1);
        let mut opened = Vec::new();
        // Each is connected to, and then is over its quota.
        for _ in 0..2 {
            let found = any_broker(&mut network, &mut metadata, &mut rng, now);
            assert!(found.usable.is_none());
            let Some(Action::Connect { connection, address }) = network.next_action() else { panic!() };
            opened.push(address.port);
            network.connected(connection, now);
            let Some(Action::Send { request, .. }) = network.next_action() else { panic!() };
            let mut answer = ApiVersionsResponse::default();
            answer.throttle_time_ms = 5_000;
            let header = ResponseHeader::new(request.header.correlation_id);
            let body = ResponseBody::ApiVersions(answer);
            network.received(connection, Response { api_key: 18, api_version: 4, header, body }, now);
        }
        opened.sort_unstable();
        assert_eq!(opened, [9001, 9002]);
        let found = any_broker(&mut network, &mut metadata, &mut rng, now);
        assert!(found.usable.is_none() && !found.unreached && network.next_action().is_none());
        assert!(any_broker(&mut network, &mut metadata, &mut rng, now + 5_000 * T).usable.is_some());
    }
}
