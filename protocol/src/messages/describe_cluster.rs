//! DescribeCluster (key 60): the brokers or the controllers of a cluster (KIP-700).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const ENDPOINT_TYPE: i16 = 1; // KIP-919: controllers answer too
const FENCED: i16 = 2; // KIP-1073

/// Asks any node for the nodes of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeClusterRequest {
    /// Whether to say what the client may do with the cluster.
    pub include_cluster_authorized_operations: bool,
    /// Which nodes: 1 for brokers, 2 for controllers, which only a controller knows (v1+).
    pub endpoint_type: i8,
    /// Whether to name brokers that are registered but fenced, too (v2+).
    pub include_fenced_brokers: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        DescribeClusterRequest {
            include_cluster_authorized_operations: false,
            endpoint_type: 1,
            include_fenced_brokers: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeClusterRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, include_cluster_authorized_operations) =
            field("includeClusterAuthorizedOperations", .., bool)(i)?;
        let (i, endpoint_type) = field_or("endpointType", ENDPOINT_TYPE.., 1, int8)(i)?;
        let (i, include_fenced_brokers) = field("includeFencedBrokers", FENCED.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations,
            endpoint_type,
            include_fenced_brokers,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("includeClusterAuthorizedOperations", .., &self.include_cluster_authorized_operations);
        o.field_or("endpointType", ENDPOINT_TYPE.., 1, &self.endpoint_type);
        o.field("includeFencedBrokers", FENCED.., &self.include_fenced_brokers);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The nodes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeClusterResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong; from v1 MISMATCHED_ENDPOINT_TYPE where the node is of the other kind.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// Which nodes these are: 1 for brokers, 2 for controllers (v1+).
    pub endpoint_type: i8,
    /// The cluster.
    pub cluster_id: Str,
    /// The node id of the controller, or -1; a broker names some broker that is alive instead.
    pub controller_id: i32,
    /// The nodes.
    pub brokers: Vec<DescribeClusterBroker>,
    /// What the client may do with the cluster, a bit for each operation; `i32::MIN` where it was not asked for.
    pub cluster_authorized_operations: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        DescribeClusterResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: None,
            endpoint_type: 1,
            cluster_id: Str::default(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeClusterResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, endpoint_type) = field_or("endpointType", ENDPOINT_TYPE.., 1, int8)(i)?;
        let (i, cluster_id) = field("clusterId", .., string)(i)?;
        let (i, controller_id) = field("controllerId", .., int32)(i)?;
        let (i, brokers) = field("brokers", .., array(DescribeClusterBroker::decode))(i)?;
        let (i, cluster_authorized_operations) = field("clusterAuthorizedOperations", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = DescribeClusterResponse {
            throttle_time_ms,
            error_code,
            error_message,
            endpoint_type,
            cluster_id,
            controller_id,
            brokers,
            cluster_authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.field_or("endpointType", ENDPOINT_TYPE.., 1, &self.endpoint_type);
        o.field("clusterId", .., &self.cluster_id);
        o.field("controllerId", .., &self.controller_id);
        o.field("brokers", .., &self.brokers);
        o.field("clusterAuthorizedOperations", .., &self.cluster_authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeClusterBroker {
    /// Its node id.
    pub broker_id: i32,
    /// Its host name or address.
    pub host: Str,
    /// Its port.
    pub port: i32,
    /// Its rack (`broker.rack`), or null.
    pub rack: Option<Str>,
    /// Whether it is fenced: registered, but not, or no longer, in service (v2+).
    pub is_fenced: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeClusterBroker {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, broker_id) = field("brokerId", .., int32)(i)?;
        let (i, host) = field("host", .., string)(i)?;
        let (i, port) = field("port", .., int32)(i)?;
        let (i, rack) = field("rack", .., nullable_string)(i)?;
        let (i, is_fenced) = field("isFenced", FENCED.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DescribeClusterBroker { broker_id, host, port, rack, is_fenced, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("brokerId", .., &self.broker_id);
        o.field("host", .., &self.host);
        o.field("port", .., &self.port);
        o.field("rack", .., &self.rack);
        o.field("isFenced", FENCED.., &self.is_fenced);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
