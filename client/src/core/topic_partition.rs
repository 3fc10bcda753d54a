//! A partition of a topic, by name: the key of most of the consumer's tables.

use std::fmt;

use milena_protocol::Str;

/// A partition of a topic, by name. Ordered by topic, then by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Str,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// With a name of its own memory.
    pub fn new(topic: &str, partition: i32) -> Self {
        TopicPartition { topic: Str::from(topic), partition }
    }

    /// The same with a copy of the name, so that it keeps no frame alive.
    pub fn detached(&self) -> Self {
        TopicPartition { topic: self.topic.detached(), partition: self.partition }
    }
}

/// As Kafka writes it: `topic-3`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ordered_by_topic_and_then_by_number() {
        let mut partitions = [("b", 0), ("a", 10), ("a", 9)].map(|(topic, n)| TopicPartition::new(topic, n));
        partitions.sort();
        assert_eq!(partitions.map(|tp| tp.to_string()), ["a-9", "a-10", "b-0"]);
    }
}
