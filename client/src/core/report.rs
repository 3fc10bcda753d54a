//! What an operator may want to read in a log, and what the application has no need to be told.

use milena_protocol::{Api, ErrorCode, ResponseBody, Str};

pub use super::network::Peer;

use super::metadata::Address;
use super::topic_partition::TopicPartition;

/// Something that went on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A connection is there, and the broker has told which versions it speaks.
    Connected {
        /// What it is for.
        peer: Peer,
        /// Where to.
        address: Address,
    },
    /// A connection has ended that nobody was using: after `connections.max.idle.ms`, or because the broker closed it.
    Idle {
        /// What it was for.
        peer: Peer,
        /// Where to.
        address: Address,
    },
    /// None of the known brokers is of use: it begins with `bootstrap.servers` again (KIP-899, KIP-1102).
    Rebootstrapping,
    /// This broker coordinates the group.
    CoordinatorFound {
        /// Where it is.
        address: Address,
    },
    /// The group has this member in a new generation, or epoch.
    Joined {
        /// Its number.
        generation: i32,
        /// The member's id.
        member_id: Str,
    },
    /// The application has not polled for `max.poll.interval.ms`: the consumer leaves its group until it does.
    NotPolled,
    /// A broker could not do what it was asked for; it is asked again after a while.
    Retry {
        /// What for.
        api: Api,
        /// What it was about, where it was one partition; the number is -1 where it was all of its topic.
        partition: Option<TopicPartition>,
        /// Why.
        error: ErrorCode,
    },
}

impl Report {
    /// What an answer says of a question that has to be asked again.
    pub(super) fn retry(answer: &ResponseBody) -> Option<Report> {
        let whole = |error: ErrorCode| error.is_retriable().then_some((None, error));
        let (api, failure) = match answer {
            ResponseBody::Metadata(answer) => {
                let topics = answer.topics.iter().flat_map(|topic| {
                    let name = topic.name.as_ref();
                    let partitions =
                        topic.partitions.iter().map(move |p| (name, p.partition_index, p.error_code));
                    partitions.chain([(name, NO_PARTITION, topic.error_code)])
                });
                (Api::Metadata, whole(answer.error_code).or_else(|| first(topics)))
            }
            ResponseBody::FindCoordinator(answer) => {
                let mut each = answer.coordinators.iter().map(|coordinator| coordinator.error_code);
                (Api::FindCoordinator, whole(answer.error_code).or_else(|| each.find_map(whole)))
            }
            ResponseBody::InitProducerId(answer) => (Api::InitProducerId, whole(answer.error_code)),
            ResponseBody::Produce(answer) => {
                let topics = answer.responses.iter().flat_map(|topic| {
                    topic.partition_responses.iter().map(|p| (Some(&topic.name), p.index, p.error_code))
                });
                (Api::Produce, first(topics))
            }
            ResponseBody::JoinGroup(answer) => (Api::JoinGroup, whole(answer.error_code)),
            ResponseBody::SyncGroup(answer) => (Api::SyncGroup, whole(answer.error_code)),
            ResponseBody::Heartbeat(answer) => (Api::Heartbeat, whole(answer.error_code)),
            ResponseBody::ConsumerGroupHeartbeat(answer) => {
                (Api::ConsumerGroupHeartbeat, whole(answer.error_code))
            }
            ResponseBody::OffsetCommit(answer) => {
                let topics = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|p| (Some(&topic.name), p.partition_index, p.error_code))
                });
                (Api::OffsetCommit, first(topics))
            }
            ResponseBody::OffsetFetch(answer) => {
                let groups = answer.groups.iter().map(|group| group.error_code);
                let mut each = groups.chain([answer.error_code]);
                let topics = answer.groups.iter().flat_map(|group| &group.topics).chain(&answer.topics);
                let partitions = topics.flat_map(|topic| {
                    topic.partitions.iter().map(|p| (Some(&topic.name), p.partition_index, p.error_code))
                });
                (Api::OffsetFetch, each.find_map(whole).or_else(|| first(partitions)))
            }
            ResponseBody::ListOffsets(answer) => {
                let topics = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|p| (Some(&topic.name), p.partition_index, p.error_code))
                });
                (Api::ListOffsets, first(topics))
            }
            ResponseBody::OffsetForLeaderEpoch(answer) => {
                let topics = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|p| (Some(&topic.topic), p.partition, p.error_code))
                });
                (Api::OffsetForLeaderEpoch, first(topics))
            }
            ResponseBody::Fetch(answer) => {
                let topics = answer.responses.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|p| (Some(&topic.topic), p.partition_index, p.error_code))
                });
                (Api::Fetch, whole(answer.error_code).or_else(|| first(topics)))
            }
            _ => return None,
        };
        failure.map(|(partition, error)| Report::Retry { api, partition, error })
    }
}

/// Where a whole topic is meant.
const NO_PARTITION: i32 = -1;

type Failure = (Option<TopicPartition>, ErrorCode);

/// The first partition with an error that may go away.
fn first<'a>(partitions: impl Iterator<Item = (Option<&'a Str>, i32, ErrorCode)>) -> Option<Failure> {
    let (topic, partition, error) = partitions.into_iter().find(|(.., error)| error.is_retriable())?;
    // Newer versions name topics by their ids.
    let topic = topic.filter(|topic| !topic.is_empty());
    Some((topic.map(|topic| TopicPartition { topic: topic.detached(), partition }), error))
}

#[cfg(test)]
mod tests {
    use milena_protocol::Uuid;
    use milena_protocol::messages::{HeartbeatResponse, JoinGroupResponse, MetadataResponse};

    use super::*;
    use crate::core::test_support::{metadata_response, partition_answer, topic_answer};

    fn metadata(error: ErrorCode) -> MetadataResponse {
        let mut partition = partition_answer(3, 1, 0);
        partition.error_code = error;
        metadata_response(&[1], vec![topic_answer("t", Uuid([1; 16]), vec![partition])])
    }

    #[test]
    fn an_error_that_may_go_away_is_asked_about_again() {
        let (api, error) = (Api::Metadata, ErrorCode::LEADER_NOT_AVAILABLE);
        let partition = Some(TopicPartition::new("t", 3));
        assert_eq!(Report::retry(&metadata(error).into()), Some(Report::Retry { api, partition, error }));

        let mut loading = HeartbeatResponse::default();
        loading.error_code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
        let error = loading.error_code;
        let retry = Report::Retry { api: Api::Heartbeat, partition: None, error };
        assert_eq!(Report::retry(&loading.into()), Some(retry));
    }

    #[test]
    fn no_error_and_one_that_stays_are_not() {
        assert_eq!(Report::retry(&metadata(ErrorCode::NONE).into()), None);
        let mut fenced = JoinGroupResponse::default();
        fenced.error_code = ErrorCode::FENCED_INSTANCE_ID;
        assert_eq!(Report::retry(&fenced.into()), None);
    }
}
