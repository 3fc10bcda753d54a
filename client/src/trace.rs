//! The consumer's events for `tracing`: what went on, with names for everything that it was about.
//!
//! | level | what |
//! |---|---|
//! | error | records that cannot be read; a callback of `Producer::send_with` that panicked |
//! | warn | a connection that broke (once, until it works again); a commit in the background that failed; a consumer that is not polled; a position that was reset; a log that was truncated |
//! | info | the group: its coordinator, joining, partitions that come and go; beginning with `bootstrap.servers` again |
//! | debug | connections made and closed when idle; further attempts that fail; what a broker is asked again |

use std::sync::Arc;

use tracing::{debug, error, info, warn};

use crate::config::{Config, ProducerConfig};
use crate::core::fetch_report::FetchNotice;
use crate::core::io::{Rebalance, RebalanceKind, Update};
use crate::core::metadata::Address;
use crate::core::report::{Peer, Report};
use crate::core::topic_partition::TopicPartition;
use crate::delivery::CorruptRecords;

/// Whose events they are.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    client_id: Arc<str>,
    group_id: Option<Arc<str>>,
}

/// An event with the fields that all of them have.
macro_rules! event {
    ($level:ident, $trace:expr, $($rest:tt)+) => {
        $level!(client_id = &*$trace.client_id, group_id = $trace.group_id.as_deref(), $($rest)+)
    };
}

impl Trace {
    pub(crate) fn new(config: &Config) -> Self {
        let group_id = Some(config.group_id.as_str()).filter(|id| !id.is_empty());
        Trace { client_id: config.client_id.as_str().into(), group_id: group_id.map(Into::into) }
    }

    pub(crate) fn of_producer(config: &ProducerConfig) -> Self {
        Trace { client_id: config.client_id.as_str().into(), group_id: None }
    }

    pub(crate) fn report(&self, report: &Report) {
        match report {
            Report::Connected { peer, address } => {
                let (role, node) = role(*peer);
                event!(debug, self, node, role, address = %shown(address), "connected");
            }
            Report::Idle { peer, address } => {
                let (role, node) = role(*peer);
                event!(debug, self, node, role, address = %shown(address), "an idle connection was closed");
            }
            Report::Rebootstrapping => {
                event!(info, self, "no known broker is of use; beginning with the bootstrap servers again");
            }
            Report::CoordinatorFound { address } => {
                event!(info, self, address = %shown(address), "found the group's coordinator");
            }
            Report::Joined { generation, member_id } => {
                event!(info, self, generation, member_id = member_id.as_str(), "joined the group");
            }
            Report::NotPolled => event!(warn, self, "not polled for max.poll.interval.ms; leaving the group"),
            Report::Retry { api, partition, error } => {
                let topic = partition.as_ref().map(|partition| partition.topic.as_str());
                let number = partition.as_ref().map(|partition| partition.partition);
                event!(debug, self, api = api.name(), topic, partition = number, %error, "asking again later");
            }
        }
    }

    pub(crate) fn update(&self, update: &Update) {
        match update {
            Update::Rebalance(rebalance) => self.rebalance(rebalance),
            Update::Disconnected { address, reason, again: false } => {
                event!(warn, self, address = %shown(address), %reason, "a connection is broken; trying again");
            }
            Update::Disconnected { address, reason, again: true } => {
                event!(debug, self, address = %shown(address), %reason, "a connection is still broken");
            }
            Update::CommitFailed(error) => event!(warn, self, %error, "a commit failed"),
            Update::Notice(notice) => self.notice(notice),
            Update::Shed(partitions) => {
                event!(debug, self, partitions = list(partitions), "paused partitions make room for others");
            }
            Update::Fetched(_)
            | Update::Withheld(_)
            | Update::Assignment { .. }
            | Update::Paused { .. }
            | Update::Sought { .. } => {}
        }
    }

    fn rebalance(&self, Rebalance { kind, partitions, .. }: &Rebalance) {
        let partitions = list(partitions);
        match kind {
            RebalanceKind::Assigned => event!(info, self, partitions, "partitions assigned"),
            RebalanceKind::Revoked => event!(info, self, partitions, "partitions revoked"),
            RebalanceKind::Lost => event!(info, self, partitions, "partitions lost"),
        }
    }

    fn notice(&self, notice: &FetchNotice) {
        match notice {
            FetchNotice::Reset { partition, from, to } => {
                let TopicPartition { topic, partition } = partition;
                let topic = topic.as_str();
                event!(warn, self, topic, partition, from, to, "the position was out of range, and is reset");
            }
            FetchNotice::Truncated { partition, from, to } => {
                let TopicPartition { topic, partition } = partition;
                let topic = topic.as_str();
                event!(warn, self, topic, partition, from, to, "the log was truncated before the position");
            }
            FetchNotice::TopicRecreated { partition } => {
                let TopicPartition { topic, partition } = partition;
                let topic = topic.as_str();
                event!(warn, self, topic, partition, "the topic was created again; the position is reset");
            }
        }
    }

    pub(crate) fn callback_panicked(&self) {
        event!(error, self, "a callback of send_with panicked");
    }

    pub(crate) fn corrupt(&self, records: &CorruptRecords) {
        let TopicPartition { topic, partition } = records.partition();
        let (topic, offset, reason) = (topic.as_str(), records.offset(), records.kind());
        event!(error, self, topic, partition, offset, %reason, "records cannot be read");
    }
}

/// What a connection is for, and to which node.
fn role(peer: Peer) -> (&'static str, Option<i32>) {
    match peer {
        Peer::Bootstrap(_) => ("bootstrap", None),
        Peer::Node(node) => ("broker", Some(node)),
        Peer::Coordinator => ("coordinator", None),
    }
}

fn shown(Address { host, port }: &Address) -> String {
    format!("{host}:{port}")
}

fn list(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::time::Instant;

    use milena_protocol::{Api, ErrorCode};
    use tracing::Level;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::Error;
    use crate::core::io::RebalanceId;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Log;

        fn make_writer(&'a self) -> Log {
            self.clone()
        }
    }

    /// The lines that a usual subscriber writes.
    fn lines(say: impl FnOnce(&Trace)) -> Vec<String> {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        let config = Config::new("host:1").unwrap().group_id("readers").client_id("me");
        tracing::subscriber::with_default(subscriber, || say(&Trace::new(&config)));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    fn address() -> Address {
        Address { host: "host".into(), port: 9092 }
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 3)
    }

    const WHO: &str = "client_id=\"me\" group_id=\"readers\"";

    #[test]
    fn an_idle_disconnect_is_debug_and_says_which_node() {
        let said = lines(|trace| {
            trace.report(&Report::Connected { peer: Peer::Node(7), address: address() });
            trace.report(&Report::Idle { peer: Peer::Coordinator, address: address() });
        });
        assert_eq!(
            said,
            [
                format!("DEBUG connected {WHO} node=7 role=\"broker\" address=host:9092"),
                format!("DEBUG an idle connection was closed {WHO} role=\"coordinator\" address=host:9092"),
            ]
        );
    }

    #[test]
    fn a_rebalance_is_info_and_names_the_partitions() {
        let rebalance = |kind| {
            let partitions = vec![TopicPartition::new("t", 0), partition()];
            Update::Rebalance(Rebalance { id: RebalanceId(1), kind, partitions, deadline: Instant::now() })
        };
        let said = lines(|trace| {
            trace.report(&Report::CoordinatorFound { address: address() });
            trace.report(&Report::Joined { generation: 5, member_id: "m".into() });
            trace.update(&rebalance(RebalanceKind::Assigned));
            trace.update(&rebalance(RebalanceKind::Revoked));
            trace.update(&rebalance(RebalanceKind::Lost));
        });
        assert_eq!(
            said,
            [
                format!("INFO found the group's coordinator {WHO} address=host:9092"),
                format!("INFO joined the group {WHO} generation=5 member_id=\"m\""),
                format!("INFO partitions assigned {WHO} partitions=\"t-0, t-3\""),
                format!("INFO partitions revoked {WHO} partitions=\"t-0, t-3\""),
                format!("INFO partitions lost {WHO} partitions=\"t-0, t-3\""),
            ]
        );
    }

    #[test]
    fn a_broken_connection_is_a_warning_the_first_time() {
        let broken = |again| Update::Disconnected { address: address(), reason: "refused".into(), again };
        let said = lines(|trace| {
            trace.update(&broken(false));
            trace.update(&broken(true));
        });
        assert_eq!(
            said,
            [
                format!("WARN a connection is broken; trying again {WHO} address=host:9092 reason=refused"),
                format!("DEBUG a connection is still broken {WHO} address=host:9092 reason=refused"),
            ]
        );
    }

    #[test]
    fn what_may_cost_records_is_a_warning() {
        let said = lines(|trace| {
            trace.report(&Report::NotPolled);
            trace.update(&Update::CommitFailed(Error::CommitFailed));
            trace.update(&Update::Notice(FetchNotice::Reset { partition: partition(), from: 5, to: 9 }));
            trace.update(&Update::Notice(FetchNotice::Truncated { partition: partition(), from: 9, to: 5 }));
            trace.update(&Update::Notice(FetchNotice::TopicRecreated { partition: partition() }));
        });
        let error = Error::CommitFailed;
        assert_eq!(
            said,
            [
                format!("WARN not polled for max.poll.interval.ms; leaving the group {WHO}"),
                format!("WARN a commit failed {WHO} error={error}"),
                format!(
                    "WARN the position was out of range, and is reset {WHO} topic=\"t\" partition=3 from=5 to=9"
                ),
                format!(
                    "WARN the log was truncated before the position {WHO} topic=\"t\" partition=3 from=9 to=5"
                ),
                format!(
                    "WARN the topic was created again; the position is reset {WHO} topic=\"t\" partition=3"
                ),
            ]
        );
    }

    #[test]
    fn what_is_asked_again_is_debug() {
        let (api, error) = (Api::ListOffsets, ErrorCode::LEADER_NOT_AVAILABLE);
        let said = lines(|trace| {
            trace.report(&Report::Retry { api, partition: Some(partition()), error });
        });
        assert_eq!(
            said,
            [format!(
                "DEBUG asking again later {WHO} api=\"ListOffsets\" topic=\"t\" partition=3 error={error}"
            )]
        );
    }
}
