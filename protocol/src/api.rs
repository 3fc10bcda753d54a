//! Every API of the protocol, once: its key, its versions, where it became flexible.

use std::fmt;
use std::ops::RangeInclusive;

macro_rules! apis {
    ($($key:literal $name:ident $versions:expr, $first_flexible:expr;)*) => {
        /// An API that Kafka has.
        ///
        /// Its versions are those of Apache Kafka 4.3.1 together with those of 3.9.2, the last release that speaks
        /// the old ones; the drafts of share groups that 3.9.2 has, and offers to nobody, do not count.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(i16)]
        pub enum Api {
            $(
                #[doc = concat!("Key ", $key, ".")]
                $name = $key,
            )*
        }

        impl Api {
            /// All APIs, by key.
            pub const ALL: &[Api] = &[$(Api::$name),*];

            /// The API with this key; `None` where milena has never heard of it.
            pub const fn from_key(key: i16) -> Option<Api> {
                match key {
                    $($key => Some(Api::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name for it, as in `OffsetFetch`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Api::$name => stringify!($name),)*
                }
            }

            /// The versions that exist.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Api::$name => $versions,)*
                }
            }

            /// The first version with compact lengths and tagged fields (KIP-482); `None` where there is none.
            pub const fn first_flexible(self) -> Option<i16> {
                match self {
                    $(Api::$name => $first_flexible,)*
                }
            }
        }
    };
}

impl Api {
    /// The number that stands for it in a request header.
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// The API with this name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Api> {
        Api::ALL.iter().copied().find(|api| api.name().eq_ignore_ascii_case(name))
    }

    /// Whether `version` has compact lengths and tagged fields.
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.first_flexible() {
            Some(first) => version >= first,
            None => false,
        }
    }

    /// The version of the request header that comes before a request of `version`.
    pub const fn request_header_version(self, version: i16) -> i16 {
        match self {
            // The only request from the time before there was a client id.
            Api::ControlledShutdown if version == 0 => 0,
            _ if self.is_flexible(version) => 2,
            _ => 1,
        }
    }

    /// The version of the response header that comes before a response of `version`.
    pub const fn response_header_version(self, version: i16) -> i16 {
        match self {
            // KIP-511: a client reads this answer before the two sides have agreed on anything.
            Api::ApiVersions => 0,
            _ if self.is_flexible(version) => 1,
            _ => 0,
        }
    }

    /// The first version in which it is the client that waits when it is told to hold back (`throttle_time_ms`, KIP-219):
    /// in older ones the broker had waited itself before it answered. `None` where no client of Kafka's waits.
    pub const fn first_throttled_by_client(self) -> Option<i16> {
        Some(match self {
            Api::Fetch => 8,
            Api::Produce | Api::Metadata => 6,
            Api::OffsetCommit | Api::OffsetFetch => 4,
            Api::ListOffsets | Api::JoinGroup | Api::CreateTopics => 3,
            Api::FindCoordinator | Api::Heartbeat | Api::LeaveGroup | Api::SyncGroup => 2,
            Api::DescribeGroups | Api::ListGroups | Api::ApiVersions | Api::DeleteTopics => 2,
            Api::DescribeConfigs => 2,
            Api::DeleteRecords | Api::InitProducerId | Api::AddPartitionsToTxn | Api::AddOffsetsToTxn => 1,
            Api::EndTxn | Api::TxnOffsetCommit | Api::AlterConfigs | Api::CreatePartitions => 1,
            Api::DeleteGroups => 1,
            Api::IncrementalAlterConfigs | Api::OffsetDelete | Api::DescribeTopicPartitions => 0,
            // Kafka's own client overlooks it in this one.
            Api::ConsumerGroupHeartbeat => 0,
            _ => return None,
        })
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

apis! {
     0 Produce 0..=13, Some(9);
     1 Fetch 0..=18, Some(12);
     2 ListOffsets 0..=11, Some(6);
     3 Metadata 0..=13, Some(9);
     4 LeaderAndIsr 0..=7, Some(4);
     5 StopReplica 0..=4, Some(2);
     6 UpdateMetadata 0..=8, Some(6);
     7 ControlledShutdown 0..=3, Some(3);
     8 OffsetCommit 0..=10, Some(8);
     9 OffsetFetch 0..=10, Some(6);
    10 FindCoordinator 0..=6, Some(3);
    11 JoinGroup 0..=9, Some(6);
    12 Heartbeat 0..=4, Some(4);
    13 LeaveGroup 0..=5, Some(4);
    14 SyncGroup 0..=5, Some(4);
    15 DescribeGroups 0..=6, Some(5);
    16 ListGroups 0..=5, Some(3);
    17 SaslHandshake 0..=1, None;
    18 ApiVersions 0..=4, Some(3);
    19 CreateTopics 0..=7, Some(5);
    20 DeleteTopics 0..=6, Some(4);
    21 DeleteRecords 0..=2, Some(2);
    22 InitProducerId 0..=6, Some(2);
    23 OffsetForLeaderEpoch 0..=4, Some(4);
    24 AddPartitionsToTxn 0..=5, Some(3);
    25 AddOffsetsToTxn 0..=4, Some(3);
    26 EndTxn 0..=5, Some(3);
    27 WriteTxnMarkers 0..=2, Some(1);
    28 TxnOffsetCommit 0..=5, Some(3);
    29 DescribeAcls 0..=3, Some(2);
    30 CreateAcls 0..=3, Some(2);
    31 DeleteAcls 0..=3, Some(2);
    32 DescribeConfigs 0..=4, Some(4);
    33 AlterConfigs 0..=2, Some(2);
    34 AlterReplicaLogDirs 0..=2, Some(2);
    35 DescribeLogDirs 0..=5, Some(2);
    36 SaslAuthenticate 0..=2, Some(2);
    37 CreatePartitions 0..=3, Some(2);
    38 CreateDelegationToken 0..=3, Some(2);
    39 RenewDelegationToken 0..=2, Some(2);
    40 ExpireDelegationToken 0..=2, Some(2);
    41 DescribeDelegationToken 0..=3, Some(2);
    42 DeleteGroups 0..=2, Some(2);
    43 ElectLeaders 0..=2, Some(2);
    44 IncrementalAlterConfigs 0..=1, Some(1);
    45 AlterPartitionReassignments 0..=1, Some(0);
    46 ListPartitionReassignments 0..=0, Some(0);
    47 OffsetDelete 0..=0, None;
    48 DescribeClientQuotas 0..=1, Some(1);
    49 AlterClientQuotas 0..=1, Some(1);
    50 DescribeUserScramCredentials 0..=0, Some(0);
    51 AlterUserScramCredentials 0..=0, Some(0);
    52 Vote 0..=2, Some(0);
    53 BeginQuorumEpoch 0..=1, Some(1);
    54 EndQuorumEpoch 0..=1, Some(1);
    55 DescribeQuorum 0..=2, Some(0);
    56 AlterPartition 0..=3, Some(0);
    57 UpdateFeatures 0..=2, Some(0);
    58 Envelope 0..=0, Some(0);
    59 FetchSnapshot 0..=1, Some(0);
    60 DescribeCluster 0..=2, Some(0);
    61 DescribeProducers 0..=0, Some(0);
    62 BrokerRegistration 0..=4, Some(0);
    63 BrokerHeartbeat 0..=2, Some(0);
    64 UnregisterBroker 0..=0, Some(0);
    65 DescribeTransactions 0..=0, Some(0);
    66 ListTransactions 0..=2, Some(0);
    67 AllocateProducerIds 0..=0, Some(0);
    68 ConsumerGroupHeartbeat 0..=1, Some(0);
    69 ConsumerGroupDescribe 0..=1, Some(0);
    70 ControllerRegistration 0..=0, Some(0);
    71 GetTelemetrySubscriptions 0..=0, Some(0);
    72 PushTelemetry 0..=0, Some(0);
    73 AssignReplicasToDirs 0..=0, Some(0);
    74 ListConfigResources 0..=1, Some(0);
    75 DescribeTopicPartitions 0..=0, Some(0);
    76 ShareGroupHeartbeat 1..=1, Some(1);
    77 ShareGroupDescribe 1..=1, Some(1);
    78 ShareFetch 1..=2, Some(1);
    79 ShareAcknowledge 1..=2, Some(1);
    80 AddRaftVoter 0..=1, Some(0);
    81 RemoveRaftVoter 0..=0, Some(0);
    82 UpdateRaftVoter 0..=0, Some(0);
    83 InitializeShareGroupState 0..=0, Some(0);
    84 ReadShareGroupState 0..=0, Some(0);
    85 WriteShareGroupState 0..=1, Some(0);
    86 DeleteShareGroupState 0..=0, Some(0);
    87 ReadShareGroupStateSummary 0..=1, Some(0);
    88 StreamsGroupHeartbeat 0..=0, Some(0);
    89 StreamsGroupDescribe 0..=0, Some(0);
    90 DescribeShareGroupOffsets 0..=1, Some(0);
    91 AlterShareGroupOffsets 0..=0, Some(0);
    92 DeleteShareGroupOffsets 0..=0, Some(0);
}
