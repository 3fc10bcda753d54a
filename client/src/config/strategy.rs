//! How the partitions of a group are shared out: Kafka's four ways by their names, and an application's own.

use std::fmt;
use std::sync::Arc;

use super::value::Value;
use crate::core::assignors::{
    Assignor, CooperativeStickyAssignor, RangeAssignor, RebalanceProtocol, RoundRobinAssignor, StickyAssignor,
};

/// A way to share out partitions (`partition.assignment.strategy`).
#[derive(Clone)]
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
    /// The application's own: see [`Strategy::custom`].
    Custom(CustomStrategy),
}

/// Makes an application's own assignor, one for each consumer.
#[derive(Clone)]
pub struct CustomStrategy(Arc<dyn Fn() -> Box<dyn Assignor> + Send + Sync>);

impl Strategy {
    const NAMED: [(Strategy, &'static str, &'static str); 4] = [
        (Strategy::Range, "range", "RangeAssignor"),
        (Strategy::RoundRobin, "roundrobin", "RoundRobinAssignor"),
        (Strategy::Sticky, "sticky", "StickyAssignor"),
        (Strategy::CooperativeSticky, "cooperative-sticky", "CooperativeStickyAssignor"),
    ];

    /// An assignor of the application's own. `make` is called for each consumer, since an assignor may remember what it
    /// was given.
    ///
    /// ```
    /// use milena_client::assignors::{Assignor, ClusterTopics, GroupAssignment, Member};
    /// use milena_client::{Config, Strategy};
    ///
    /// /// The first member reads everything, the others stand by.
    /// #[derive(Debug)]
    /// struct OneForAll;
    ///
    /// impl Assignor for OneForAll {
    ///     fn name(&self) -> &str {
    ///         "one-for-all"
    ///     }
    ///
    ///     fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
    ///         let mut all: Vec<_> = members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
    ///         all.sort();
    ///         if let (Some((_, partitions)), Some(member)) = (all.first_mut(), members.iter().min_by_key(|m| &m.member_id)) {
    ///             for topic in &member.topics {
    ///                 let indexes = cluster.get(topic).into_iter().flatten().map(|partition| partition.index);
    ///                 partitions.push((topic.clone(), indexes.collect()));
    ///             }
    ///         }
    ///         all
    ///     }
    /// }
    ///
    /// // Offered before `range`: the group uses it once all of its members know it.
    /// let config = Config::new("localhost:9092")?
    ///     .group_id("readers")
    ///     .partition_assignment_strategy([Strategy::custom(|| OneForAll), Strategy::Range]);
    /// # Ok::<(), milena_client::ConfigError>(())
    /// ```
    pub fn custom<A: Assignor + 'static>(make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Strategy::Custom(CustomStrategy(Arc::new(move || Box::new(make()))))
    }

    /// The name under which the members of a group agree on it.
    pub fn name(&self) -> String {
        self.assignor().name().to_owned()
    }

    pub(crate) fn assignor(&self) -> Box<dyn Assignor> {
        match self {
            Strategy::Range => Box::new(RangeAssignor),
            Strategy::RoundRobin => Box::new(RoundRobinAssignor),
            Strategy::Sticky => Box::<StickyAssignor>::default(),
            Strategy::CooperativeSticky => Box::<CooperativeStickyAssignor>::default(),
            Strategy::Custom(CustomStrategy(make)) => make(),
        }
    }
}

/// Two strategies are the same when the group cannot tell them apart.
impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Strategy {}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Debug for CustomStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0().name())
    }
}

/// A list of strategies, the preferred one first.
pub(super) struct Strategies;

impl Value for Strategies {
    type Parsed = Vec<Strategy>;
    const EXPECTED: &'static str = "range, roundrobin, sticky or cooperative-sticky, ..., each once";

    fn parse(text: &str) -> Option<Vec<Strategy>> {
        let strategies: Option<Vec<Strategy>> = text.split(',').map(named).collect();
        strategies.filter(Self::is_valid)
    }

    fn show(value: &Vec<Strategy>) -> String {
        value.iter().map(Strategy::name).collect::<Vec<_>>().join(",")
    }

    /// At least one, no name twice, none without a name.
    fn is_valid(value: &Vec<Strategy>) -> bool {
        let names: Vec<String> = value.iter().map(Strategy::name).collect();
        let is_new = |(i, name): (usize, &String)| !name.is_empty() && !names[..i].contains(name);
        !names.is_empty() && names.iter().enumerate().all(is_new)
    }
}

fn named(name: &str) -> Option<Strategy> {
    let name = name.trim();
    let class = name.strip_prefix("org.apache.kafka.clients.consumer.");
    let is_meant = |(_, short, java): &&(Strategy, &str, &str)| *short == name || Some(*java) == class;
    Strategy::NAMED.iter().find(is_meant).map(|(strategy, ..)| strategy.clone())
}

/// Whether a group can use all of these: a consumer offers them together, and so they have to agree on how to rebalance.
pub(super) fn have_a_protocol_in_common(strategies: &[Strategy]) -> bool {
    let assignors: Vec<_> = strategies.iter().map(Strategy::assignor).collect();
    let all_support =
        |protocol| assignors.iter().all(|assignor| assignor.supported_protocols().contains(&protocol));
    [RebalanceProtocol::Eager, RebalanceProtocol::Cooperative].into_iter().any(all_support)
}
