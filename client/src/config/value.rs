//! What the text of a property can mean.

use std::time::Duration;

use milena_protocol::Str;

use crate::core::assignors::{
    Assignor, CooperativeStickyAssignor, RangeAssignor, RebalanceProtocol, RoundRobinAssignor, StickyAssignor,
};
use crate::core::fetch_settings::{IsolationLevel, ResetPolicy};
use crate::core::metadata::Address;

/// A kind of value that a property can have.
pub(super) trait Value {
    type Parsed;
    /// For the reader of an error: "expected ...".
    const EXPECTED: &'static str;
    fn parse(text: &str) -> Option<Self::Parsed>;
}

impl Value for String {
    type Parsed = String;
    const EXPECTED: &'static str = "text";

    fn parse(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Value for bool {
    type Parsed = bool;
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<bool> {
        text.to_ascii_lowercase().parse().ok()
    }
}

/// Milliseconds. Kafka's largest are those of an int32, since several of them go on the wire as such.
impl Value for Duration {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds";

    fn parse(text: &str) -> Option<Duration> {
        let ms: i32 = text.parse().ok()?;
        Some(Duration::from_millis(u64::try_from(ms).ok()?))
    }
}

/// A number of bytes on the wire.
pub(super) struct Limit;

impl Value for Limit {
    type Parsed = i32;
    const EXPECTED: &'static str = "a whole number from 0 to 2147483647";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok().filter(|number| *number >= 0)
    }
}

/// A number of things.
pub(super) struct AtLeastOne;

impl Value for AtLeastOne {
    type Parsed = usize;
    const EXPECTED: &'static str = "a whole number from 1 on";

    fn parse(text: &str) -> Option<usize> {
        text.parse().ok().filter(|number| *number >= 1)
    }
}

impl Value for ResetPolicy {
    type Parsed = ResetPolicy;
    const EXPECTED: &'static str = "earliest, latest or none";

    fn parse(text: &str) -> Option<ResetPolicy> {
        Some(match text.to_ascii_lowercase().as_str() {
            "earliest" => ResetPolicy::Earliest,
            "latest" => ResetPolicy::Latest,
            "none" => ResetPolicy::None,
            _ => return None,
        })
    }
}

impl Value for IsolationLevel {
    type Parsed = IsolationLevel;
    const EXPECTED: &'static str = "read_uncommitted or read_committed";

    fn parse(text: &str) -> Option<IsolationLevel> {
        Some(match text.to_ascii_lowercase().as_str() {
            "read_uncommitted" => IsolationLevel::ReadUncommitted,
            "read_committed" => IsolationLevel::ReadCommitted,
            _ => return None,
        })
    }
}

/// `host:port` pairs with commas between them. An IPv6 address stands in brackets.
pub(super) struct Bootstrap;

impl Value for Bootstrap {
    type Parsed = Vec<Address>;
    const EXPECTED: &'static str = "host:port, ...";

    fn parse(text: &str) -> Option<Vec<Address>> {
        let addresses = text.split(',').map(|address| {
            let (host, port) = address.trim().rsplit_once(':')?;
            let host = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
            let port: u16 = port.parse().ok()?;
            (!host.is_empty() && port != 0).then(|| Address { host: Str::from(host), port })
        });
        addresses.collect()
    }
}

/// A way to share out partitions (`partition.assignment.strategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Each topic is cut into runs of neighbouring partitions.
    Range,
    /// Partitions are dealt like cards.
    RoundRobin,
    /// Balanced, and members keep what they had if possible.
    Sticky,
    /// The same, and members keep reading while the group rebalances (KIP-429).
    CooperativeSticky,
}

impl Strategy {
    const ALL: [(Strategy, &'static str, &'static str); 4] = [
        (Strategy::Range, "range", "RangeAssignor"),
        (Strategy::RoundRobin, "roundrobin", "RoundRobinAssignor"),
        (Strategy::Sticky, "sticky", "StickyAssignor"),
        (Strategy::CooperativeSticky, "cooperative-sticky", "CooperativeStickyAssignor"),
    ];

    pub(crate) fn assignor(self) -> Box<dyn Assignor> {
        match self {
            Strategy::Range => Box::new(RangeAssignor),
            Strategy::RoundRobin => Box::new(RoundRobinAssignor),
            Strategy::Sticky => Box::<StickyAssignor>::default(),
            Strategy::CooperativeSticky => Box::<CooperativeStickyAssignor>::default(),
        }
    }

    pub(super) fn have_a_protocol_in_common(strategies: &[Strategy]) -> bool {
        let assignors: Vec<_> = strategies.iter().map(|strategy| strategy.assignor()).collect();
        let all_support =
            |protocol| assignors.iter().all(|assignor| assignor.supported_protocols().contains(&protocol));
        !assignors.is_empty()
            && [RebalanceProtocol::Eager, RebalanceProtocol::Cooperative].into_iter().any(all_support)
    }
}

impl Value for Vec<Strategy> {
    type Parsed = Vec<Strategy>;
    const EXPECTED: &'static str = "range, roundrobin, sticky or cooperative-sticky, ..., each once";

    fn parse(text: &str) -> Option<Vec<Strategy>> {
        let mut strategies = Vec::new();
        for name in text.split(',') {
            let name = name.trim();
            let class = name.strip_prefix("org.apache.kafka.clients.consumer.");
            let is_meant =
                |(_, short, java): &&(Strategy, &str, &str)| *short == name || Some(*java) == class;
            let (strategy, ..) = Strategy::ALL.iter().find(is_meant)?;
            if strategies.contains(strategy) {
                return None;
            }
            strategies.push(*strategy);
        }
        Some(strategies)
    }
}
