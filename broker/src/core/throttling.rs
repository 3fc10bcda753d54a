//! Answers that tell a client to hold back (`throttle_time_ms`), and connections that are not read for as long (KIP-219).

use std::time::{Duration, Instant};

use milena_protocol::ResponseBody;

use super::Core;
use super::requests::Ticket;

/// Where an answer says for how many milliseconds the client is to hold back; `None` in those that cannot. Versions that
/// have no room for it leave it out.
pub(super) fn throttle_time_ms(body: &mut ResponseBody) -> Option<&mut i32> {
    macro_rules! place {
        ($($api:ident)*) => {
            match body {
                $(ResponseBody::$api(body) => Some(&mut body.throttle_time_ms),)*
                _ => None,
            }
        };
    }
    place! {
        AddOffsetsToTxn AddPartitionsToTxn AlterConfigs ApiVersions ConsumerGroupDescribe ConsumerGroupHeartbeat
        CreatePartitions CreateTopics DeleteGroups DeleteRecords DeleteTopics DescribeCluster DescribeConfigs DescribeGroups
        DescribeTopicPartitions EndTxn Fetch FindCoordinator Heartbeat IncrementalAlterConfigs InitProducerId JoinGroup
        LeaveGroup ListGroups ListOffsets Metadata OffsetCommit OffsetDelete OffsetFetch OffsetForLeaderEpoch Produce
        SyncGroup TxnOffsetCommit
    }
}

impl Core {
    /// Holds back the connection of a request: its answer leaves, and the next request is not taken up before this time is
    /// over.
    pub(super) fn mute(&mut self, ticket: Ticket, throttle_time_ms: i32, now: Instant) {
        if throttle_time_ms > 0 {
            let until = now.checked_add(Duration::from_millis(throttle_time_ms.unsigned_abs().into()));
            self.requests.mute(ticket, until.unwrap_or(now));
        }
    }
}
