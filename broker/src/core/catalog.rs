//! What there is in the cluster: brokers, topics, partitions, and who leads what.

use std::collections::BTreeMap;

use milena_protocol::{Str, Uuid};

use super::rng::Rng;

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerNode {
    /// Its number (`node.id`).
    pub node_id: i32,
    /// Where clients reach it.
    pub host: Str,
    /// The port there.
    pub port: u16,
    /// Where it stands (`broker.rack`); `None` where nobody said.
    pub rack: Option<Str>,
    /// Whether it runs; a stopped one leads nothing and is in no in-sync set.
    pub is_up: bool,
}

impl BrokerNode {
    /// A broker that runs.
    pub fn new(node_id: i32, host: &str, port: u16, rack: Option<&str>) -> Self {
        BrokerNode { node_id, host: host.into(), port, rack: rack.map(Str::from), is_up: true }
    }
}

/// A topic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Topic {
    /// Its name.
    pub name: Str,
    /// Its id; a topic that is created again under the same name has another one (KIP-516).
    pub id: Uuid,
    /// Whether it is one of Kafka's own (`__consumer_offsets`).
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<Partition>,
}

/// A partition: where its replicas are, and which of them leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partition {
    /// The brokers that have it; the first one is preferred as the leader.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync: here all that run.
    pub isr: Vec<i32>,
    /// The leader; `None` while no replica runs.
    pub leader: Option<i32>,
    /// Counts the leaders: goes up by one with each change.
    pub leader_epoch: i32,
}

/// Brokers, topics by name and by id.
#[derive(Debug)]
pub struct Catalog {
    cluster_id: Str,
    brokers: BTreeMap<i32, BrokerNode>,
    topics: BTreeMap<Str, Topic>,
    names: BTreeMap<Uuid, Str>,
    /// How many topics have each name with '.' or '_' in it, read as if both were the same.
    unified: BTreeMap<String, usize>,
    partition_count: usize,
    /// Goes up with every change of topics.
    version: u64,
    /// Goes up with every topic that is deleted.
    deletions: u64,
}

impl Catalog {
    /// A cluster of these brokers, without topics.
    pub fn new(cluster_id: &str, brokers: impl IntoIterator<Item = BrokerNode>) -> Self {
        Catalog {
            cluster_id: cluster_id.into(),
            brokers: brokers.into_iter().map(|broker| (broker.node_id, broker)).collect(),
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
            unified: BTreeMap::new(),
            partition_count: 0,
            version: 0,
            deletions: 0,
        }
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &Str {
        &self.cluster_id
    }

    /// All brokers, those that are stopped too, by number.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerNode> {
        self.brokers.values()
    }

    /// A broker.
    pub fn broker(&self, node_id: i32) -> Option<&BrokerNode> {
        self.brokers.get(&node_id)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values()
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The topic of this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Topic> {
        self.names.get(&id).and_then(|name| self.topics.get(name))
    }

    /// A partition, if it exists.
    pub fn partition(&self, topic: &str, index: i32) -> Option<&Partition> {
        self.topics.get(topic)?.partitions.get(usize::try_from(index).ok()?)
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// Changes whenever a topic is created or deleted, or gets more partitions: who keeps what follows from the topics
    /// compares it.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Changes whenever a topic is deleted.
    pub fn deletions(&self) -> u64 {
        self.deletions
    }

    /// Whether there is another topic whose name differs in '.' and '_' only: such names would be the same in metrics.
    pub fn collides(&self, name: &str) -> bool {
        let itself = usize::from(self.topics.contains_key(name));
        let count = unified(name).and_then(|unified| self.unified.get(&unified));
        count.is_some_and(|count| *count > itself)
    }

    /// The racks that have a replica of a partition, in order; empty where no broker has said where it stands.
    pub fn racks(&self, partition: &Partition) -> Vec<Str> {
        let rack = |id| self.brokers.get(id).and_then(|broker| broker.rack.clone());
        let mut racks: Vec<Str> = partition.replicas.iter().filter_map(rack).collect();
        racks.sort_unstable();
        racks.dedup();
        racks
    }

    /// Creates a topic and gives back its id; `None` where there is one of this name.
    pub fn create_topic(
        &mut self,
        name: &str,
        replicas: Vec<Vec<i32>>,
        is_internal: bool,
        rng: &mut Rng,
    ) -> Option<Uuid> {
        if self.topics.contains_key(name) {
            return None;
        }
        let mut id = rng.uuid();
        while self.names.contains_key(&id) {
            id = rng.uuid();
        }
        let name = Str::from(name);
        let partitions: Vec<_> = replicas.into_iter().map(|replicas| self.new_partition(replicas)).collect();
        self.partition_count += partitions.len();
        self.names.insert(id, name.clone());
        if let Some(unified) = unified(&name) {
            *self.unified.entry(unified).or_default() += 1;
        }
        self.topics.insert(name.clone(), Topic { name, id, is_internal, partitions });
        self.version += 1;
        Some(id)
    }

    /// Deletes a topic; gives it back if there was one.
    pub fn delete_topic(&mut self, name: &str) -> Option<Topic> {
        let topic = self.topics.remove(name)?;
        self.names.remove(&topic.id);
        if let Some(unified) = unified(name)
            && let Some(count) = self.unified.get_mut(&unified)
        {
            *count -= 1;
            if *count == 0 {
                self.unified.remove(&unified);
            }
        }
        self.partition_count -= topic.partitions.len();
        self.version += 1;
        self.deletions += 1;
        Some(topic)
    }

    /// Appends partitions to a topic that exists.
    pub fn add_partitions(&mut self, name: &str, replicas: Vec<Vec<i32>>) {
        let partitions: Vec<_> = replicas.into_iter().map(|replicas| self.new_partition(replicas)).collect();
        if let Some(topic) = self.topics.get_mut(name) {
            self.partition_count += partitions.len();
            topic.partitions.extend(partitions);
            self.version += 1;
        }
    }

    /// Where the replicas of `count` partitions go, of which the first has the index `first`: each on
    /// `replication_factor` brokers, the leaders in turn, the replicas of one partition in as many racks as there are.
    pub fn placement(&self, first: usize, count: usize, replication_factor: usize) -> Vec<Vec<i32>> {
        let order = self.striped();
        let replicas = |partition: usize| {
            (0..replication_factor.min(order.len())).map(|n| order[(partition + n) % order.len()]).collect()
        };
        (first..first + count).map(replicas).collect()
    }

    /// Makes `leader`, one of its replicas, lead a partition from now on, under a new epoch. Gives back whether it could:
    /// the partition exists, and the broker runs and has a replica.
    pub fn move_leader(&mut self, topic: &str, index: i32, leader: i32) -> bool {
        let is_up = self.brokers.get(&leader).is_some_and(|broker| broker.is_up);
        match self.partition_mut(topic, index) {
            Some(partition) if is_up && partition.replicas.contains(&leader) => {
                partition.leader = Some(leader);
                partition.leader_epoch += 1;
                true
            }
            _ => false,
        }
    }

    /// Lets the leader of a partition begin a new epoch. Gives back whether there is such a partition.
    pub fn bump_leader_epoch(&mut self, topic: &str, index: i32) -> bool {
        let partition = self.partition_mut(topic, index);
        partition.map(|partition| partition.leader_epoch += 1).is_some()
    }

    /// Starts or stops a broker: it enters or leaves the in-sync sets, and what it led goes to the first replica that runs.
    /// As in Kafka a broker that comes back does not take its leaderships back.
    pub fn set_up(&mut self, node_id: i32, is_up: bool) {
        match self.brokers.get_mut(&node_id) {
            Some(broker) if broker.is_up != is_up => broker.is_up = is_up,
            _ => return,
        }
        let brokers = &self.brokers;
        let runs = |id: &i32| brokers.get(id).is_some_and(|broker| broker.is_up);
        for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            if !partition.replicas.contains(&node_id) {
                continue;
            }
            let isr: Vec<i32> = partition.replicas.iter().copied().filter(runs).collect();
            if partition.leader.is_none_or(|leader| !isr.contains(&leader)) {
                let leader = isr.first().copied();
                if leader != partition.leader {
                    partition.leader = leader;
                    partition.leader_epoch += 1;
                }
            }
            // The last replica to stop stays in sync: it has everything.
            partition.isr = if isr.is_empty() { vec![node_id] } else { isr };
        }
    }

    fn partition_mut(&mut self, topic: &str, index: i32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(index).ok()?)
    }

    fn new_partition(&self, replicas: Vec<i32>) -> Partition {
        let runs = |id: &i32| self.brokers.get(id).is_some_and(|broker| broker.is_up);
        let isr: Vec<i32> = replicas.iter().copied().filter(runs).collect();
        Partition { leader: isr.first().copied(), isr, replicas, leader_epoch: 0 }
    }

    /// The brokers, those of one rack as far from each other as possible.
    fn striped(&self) -> Vec<i32> {
        let mut seen: BTreeMap<Option<&Str>, usize> = BTreeMap::new();
        let mut ranked: Vec<_> = self
            .brokers
            .values()
            .map(|broker| {
                let rank = seen.entry(broker.rack.as_ref()).or_default();
                *rank += 1;
                (*rank, broker.node_id)
            })
            .collect();
        // Without racks each is a rack of its own: the order is that of the numbers.
        if seen.keys().any(Option::is_some) {
            ranked.sort_unstable();
        }
        ranked.into_iter().map(|(_, node_id)| node_id).collect()
    }
}

/// A name in which '.' and '_' are the same; `None` where it has neither.
fn unified(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(racks: &[Option<&str>]) -> Catalog {
        let broker = |(n, rack): (usize, &Option<&str>)| BrokerNode::new(n as i32 + 1, "h", 9092, *rack);
        Catalog::new("cluster", racks.iter().enumerate().map(broker))
    }

    #[test]
    fn leaders_take_turns() {
        let catalog = catalog(&[None, None, None]);
        assert_eq!(catalog.placement(0, 4, 2), [[1, 2], [2, 3], [3, 1], [1, 2]]);
        assert_eq!(
            catalog.placement(4, 1, 2),
            [[2, 3]],
            "partitions that are added go on where the others end"
        );
        assert_eq!(catalog.placement(0, 1, 9), [[1, 2, 3]]);
    }

    #[test]
    fn replicas_are_spread_over_racks() {
        let catalog = catalog(&[Some("a"), Some("a"), Some("b"), Some("b")]);
        assert_eq!(catalog.placement(0, 3, 2), [[1, 3], [3, 2], [2, 4]]);
    }

    #[test]
    fn a_topic_that_is_created_again_has_another_id() {
        let mut catalog = catalog(&[None]);
        let mut rng = Rng::new(1);
        let first = catalog.create_topic("t", vec![vec![1]], false, &mut rng).unwrap();
        assert_eq!(catalog.create_topic("t", vec![vec![1]], false, &mut rng), None);
        let version = catalog.version();
        catalog.add_partitions("t", vec![vec![1], vec![1]]);
        assert_eq!(catalog.partition_count(), 3);
        catalog.delete_topic("t").unwrap();
        assert!(catalog.topic_by_id(first).is_none());
        let second = catalog.create_topic("t", vec![vec![1]], false, &mut rng).unwrap();
        assert_eq!(catalog.partition_count(), 1);
        assert_ne!(first, second);
        assert_eq!(catalog.topic_by_id(second).unwrap().name, "t");
        assert_eq!(catalog.version(), version + 3);
    }

    #[test]
    fn a_stopped_broker_leads_nothing_and_does_not_take_it_back() {
        let mut catalog = catalog(&[None, None]);
        catalog.create_topic("t", vec![vec![1, 2], vec![1]], false, &mut Rng::new(1));
        catalog.set_up(1, false);
        let both = catalog.partition("t", 0).unwrap().clone();
        assert_eq!((both.leader, both.leader_epoch, &both.isr[..]), (Some(2), 1, &[2][..]));
        let lonely = catalog.partition("t", 1).unwrap().clone();
        assert_eq!((lonely.leader, lonely.leader_epoch, &lonely.isr[..]), (None, 1, &[1][..]));
        catalog.set_up(1, true);
        let both = catalog.partition("t", 0).unwrap().clone();
        assert_eq!((both.leader, both.leader_epoch, &both.isr[..]), (Some(2), 1, &[1, 2][..]));
        let lonely = catalog.partition("t", 1).unwrap().clone();
        assert_eq!((lonely.leader, lonely.leader_epoch, &lonely.isr[..]), (Some(1), 2, &[1][..]));
        assert!(catalog.move_leader("t", 0, 1));
        assert!(!catalog.move_leader("t", 1, 2), "it has no replica");
        assert_eq!(catalog.partition("t", 0).unwrap().leader_epoch, 2);
    }
}
