//! The addresses of nodes, wherever a response tells them: for proxies, which put their own in their place.

use crate::messages::find_coordinator::Coordinator;
use crate::messages::leader::NodeEndpoint;
use crate::wire::Str;
use crate::{Api, ResponseBody};

impl ResponseBody {
    /// Shows every address of a node (its id, its host, its port) to `visit`, which may change host and port.
    ///
    /// Where a response names no node, as a FindCoordinator with an error, there is no host and nothing to visit. Nor is
    /// there in a response that is not parsed: [`Api::tells_addresses`] says which of those have addresses all the same.
    /// Addresses of clients, as DescribeGroups tells them, are no nodes'.
    ///
    /// ```
    /// use milena_protocol::messages::{MetadataResponse, metadata::MetadataResponseBroker};
    /// use milena_protocol::ResponseBody;
    ///
    /// let mut broker = MetadataResponseBroker::default();
    /// (broker.node_id, broker.host, broker.port) = (3, "kafka-3.internal".into(), 9092);
    /// let mut response = MetadataResponse::default();
    /// response.brokers.push(broker);
    ///
    /// let mut body = ResponseBody::from(response);
    /// body.addresses_mut(|node_id, host, port| {
    ///     *host = "proxy.example".into();
    ///     *port = 10_000 + node_id;
    /// });
    /// # let ResponseBody::Metadata(body) = body else { unreachable!() };
    /// # assert_eq!((body.brokers[0].host.as_str(), body.brokers[0].port), ("proxy.example", 10_003));
    /// ```
    pub fn addresses_mut(&mut self, mut visit: impl FnMut(i32, &mut Str, &mut i32)) {
        let mut visit = |node_id: i32, host: &mut Str, port: &mut i32| {
            if !host.is_empty() {
                visit(node_id, host, port);
            }
        };
        let mut visit_all = |endpoints: &mut Vec<NodeEndpoint>| {
            for NodeEndpoint { node_id, host, port, .. } in endpoints {
                visit(*node_id, host, port);
            }
        };
        match self {
            ResponseBody::Produce(body) => visit_all(&mut body.node_endpoints),
            ResponseBody::Fetch(body) => visit_all(&mut body.node_endpoints),
            ResponseBody::Metadata(body) => {
                for broker in &mut body.brokers {
                    visit(broker.node_id, &mut broker.host, &mut broker.port);
                }
            }
            ResponseBody::FindCoordinator(body) => {
                visit(body.node_id, &mut body.host, &mut body.port);
                for Coordinator { node_id, host, port, .. } in &mut body.coordinators {
                    visit(*node_id, host, port);
                }
            }
            ResponseBody::DescribeCluster(body) => {
                for broker in &mut body.brokers {
                    visit(broker.broker_id, &mut broker.host, &mut broker.port);
                }
            }
            _ => {}
        }
    }
}

impl Api {
    /// Whether its response tells addresses of nodes, in any version.
    ///
    /// Where milena parses it [`ResponseBody::addresses_mut`] shows them. Where it does not
    /// ([`is_parsed`](Self::is_parsed)) they travel unread: a proxy that hides its nodes has to leave the API out of its
    /// ApiVersions, see [`ApiVersionsResponse::clamp`](crate::messages::ApiVersionsResponse::clamp).
    pub const fn tells_addresses(self) -> bool {
        use Api::*;
        matches!(self, Produce | Fetch | Metadata | FindCoordinator | DescribeCluster)
            || matches!(self, ShareFetch | ShareAcknowledge | DescribeQuorum | UpdateRaftVoter)
            || matches!(self, Vote | BeginQuorumEpoch | EndQuorumEpoch | FetchSnapshot)
    }
}
