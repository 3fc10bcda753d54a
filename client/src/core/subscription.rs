//! What the application wants to read.

use std::collections::BTreeSet;

use milena_protocol::Str;
use regex::Regex;

/// What the application wants to read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Interest {
    /// Nothing.
    #[default]
    Nothing,
    /// These topics, shared with the other members of the group.
    Topics(BTreeSet<Str>),
    /// The topics of these names, as they come and go, shared with the other members of the group.
    Pattern(TopicPattern),
    /// As above, with the broker looking for the topics (KIP-848).
    BrokerPattern(Str),
    /// The partitions that it names itself, whatever the others in the group do.
    Partitions,
}

/// A regular expression that the whole name of a topic has to match.
#[derive(Clone, Debug)]
pub struct TopicPattern(Regex);

impl TopicPattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is none; says where it goes wrong.
    pub fn new(expression: &str) -> Result<Self, String> {
        // Checked by itself first, so that an unbalanced bracket does not find its other half outside.
        Regex::new(expression)
            .and_then(|_| Regex::new(&format!("^(?:{expression})$")))
            .map(TopicPattern)
            .map_err(|error| error.to_string())
    }

    /// Whether it matches the whole of a name.
    pub fn matches(&self, topic: &str) -> bool {
        self.0.is_match(topic)
    }
}

/// What the application wants to read, and which topics those are.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    interest: Interest,
    topics: BTreeSet<Str>,
    /// Whether topics of Kafka itself never match a pattern (`exclude.internal.topics`).
    excludes_internal: bool,
    /// Whether the topics of a pattern have been looked for yet.
    is_resolved: bool,
    changes: u64,
}

impl Subscription {
    pub(super) fn new(excludes_internal: bool) -> Self {
        Subscription { excludes_internal, ..Subscription::default() }
    }

    /// From now on this. Of the topics before, a pattern keeps those that it matches until it has looked for all.
    pub(super) fn set(&mut self, interest: Interest) {
        match &interest {
            Interest::Topics(topics) => self.topics = topics.clone(),
            Interest::Pattern(pattern) => self.topics.retain(|topic| pattern.matches(topic)),
            _ => self.topics.clear(),
        }
        self.is_resolved = !matches!(interest, Interest::Pattern(_));
        self.interest = interest;
        self.changes += 1;
    }

    /// Another number whenever the topics may be others.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The topics, as far as they are known.
    pub(super) fn topics(&self) -> &BTreeSet<Str> {
        &self.topics
    }

    /// The pattern that the broker is to evaluate.
    pub(super) fn broker_pattern(&self) -> Option<&Str> {
        match &self.interest {
            Interest::BrokerPattern(pattern) => Some(pattern),
            _ => None,
        }
    }

    /// Whether a group shares out what is to be read.
    pub(super) fn uses_group(&self) -> bool {
        !matches!(self.interest, Interest::Nothing | Interest::Partitions)
    }

    /// Whether there is nothing to be read.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.interest, Interest::Nothing)
    }

    /// Whether the application shares out by itself what is to be read.
    pub(super) fn is_manual(&self) -> bool {
        matches!(self.interest, Interest::Partitions)
    }

    /// Whether all topics of the cluster have to be looked at.
    pub(super) fn wants_all_topics(&self) -> bool {
        matches!(self.interest, Interest::Pattern(_))
    }

    /// Whether the group can be joined with what is known.
    pub(super) fn is_resolved(&self) -> bool {
        self.is_resolved
    }

    /// The topics that there are in the cluster, and whether they are Kafka's own. Says whether that is news.
    pub(super) fn found<'a>(&mut self, topics: impl Iterator<Item = (&'a Str, bool)>) -> bool {
        let Interest::Pattern(pattern) = &self.interest else { return false };
        let excludes_internal = self.excludes_internal;
        let fits = |(name, is_internal): &(&Str, bool)| {
            !(*is_internal && excludes_internal) && pattern.matches(name)
        };
        let found = topics.filter(fits).map(|(name, _)| name.detached()).collect();
        let is_news = self.topics != found;
        self.topics = found;
        self.is_resolved = true;
        self.changes += 1;
        is_news
    }

    /// Whether a topic that the group gives is one of those that are wanted. The group may know of one before this member
    /// does.
    pub(super) fn accepts(&self, topic: &str) -> bool {
        match &self.interest {
            Interest::Pattern(pattern) => pattern.matches(topic),
            Interest::BrokerPattern(_) => true,
            _ => self.topics.contains(topic),
        }
    }

    /// The group has given a partition of this topic.
    pub(super) fn given(&mut self, topic: &Str) {
        if !self.topics.contains(topic) && self.accepts(topic) {
            self.topics.insert(topic.detached());
            self.changes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(expression: &str) -> Subscription {
        let mut subscription = Subscription::new(true);
        subscription.set(Interest::Pattern(TopicPattern::new(expression).unwrap()));
        subscription
    }

    #[test]
    fn a_pattern_has_to_match_the_whole_name() {
        let pattern = TopicPattern::new("a|b.*").unwrap();
        let names = ["a", "aa", "b", "bc", "ab"];
        assert_eq!(names.map(|name| pattern.matches(name)), [true, false, true, true, false]);
        assert!(TopicPattern::new("a)|(b").is_err());
        assert!(TopicPattern::new("(").unwrap_err().contains("unclosed group"));
    }

    #[test]
    fn the_topics_of_a_pattern_are_those_of_the_cluster_that_match_and_are_not_kafkas_own() {
        let mut subscription = pattern("(__)?t.*");
        assert!(!subscription.is_resolved());
        let topics: Vec<(Str, bool)> =
            vec![("t1".into(), false), ("u".into(), false), ("__t".into(), true), ("t2".into(), false)];
        let found =
            |subscription: &mut Subscription| subscription.found(topics.iter().map(|(name, is)| (name, *is)));
        assert!(found(&mut subscription));
        assert!(subscription.is_resolved());
        assert_eq!(subscription.topics(), &["t1".into(), "t2".into()].into());
        assert!(!found(&mut subscription));
        subscription.set(Interest::Pattern(TopicPattern::new("(t|u)2?").unwrap()));
        assert!(!subscription.is_resolved());
        assert_eq!(subscription.topics(), &["t2".into()].into());
    }

    #[test]
    fn a_topic_that_the_group_knew_first_is_taken_if_it_matches() {
        let mut subscription = pattern("t.*");
        subscription.given(&"t9".into());
        subscription.given(&"u".into());
        assert_eq!(subscription.topics(), &["t9".into()].into());
    }
}
