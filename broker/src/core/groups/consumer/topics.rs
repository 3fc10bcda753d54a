//! What a consumer group subscribes to: names, and regular expressions that the broker evaluates.
//!
//! An expression is evaluated after the answer to the heartbeat that brought it, as Kafka does on another thread: the
//! member gets its partitions with a later heartbeat.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::{Str, Uuid};

use super::ConsumerGroup;
use super::expressions::compile;
use super::member::Member;
use crate::core::catalog::Catalog;
use crate::core::groups::settings::GroupSettings;

/// Expressions are not evaluated more often than this.
const REFRESH_MIN_INTERVAL: Duration = Duration::from_secs(10);

/// A regular expression that members subscribe to.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    members: usize,
    /// The topics that it matches; `None` while nobody has looked.
    topics: Option<BTreeSet<Str>>,
}

/// What a group subscribes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    /// How many members name each topic.
    names: BTreeMap<Str, usize>,
    expressions: BTreeMap<Str, Expression>,
    /// When the expressions were last evaluated, and with which version of the catalog.
    refreshed: Option<(Instant, u64)>,
}

impl Subscriptions {
    pub(super) fn add(&mut self, member: &Member) {
        for name in &member.topic_names {
            *self.names.entry(name.clone()).or_default() += 1;
        }
        if let Some(regex) = member.regex() {
            self.expressions.entry(regex.clone()).or_default().members += 1;
        }
    }

    pub(super) fn remove(&mut self, member: &Member) {
        for name in &member.topic_names {
            if let Some(count) = self.names.get_mut(name) {
                *count -= 1;
            }
        }
        self.names.retain(|_, count| *count > 0);
        if let Some(expression) = member.regex().and_then(|regex| self.expressions.get_mut(regex)) {
            expression.members -= 1;
        }
        self.expressions.retain(|_, expression| expression.members > 0);
    }

    pub(super) fn contains(&self, topic: &str) -> bool {
        self.names.contains_key(topic)
            || self
                .expressions
                .values()
                .any(|e| e.topics.as_ref().is_some_and(|topics| topics.contains(topic)))
    }

    pub(super) fn has_regex(&self, regex: &str) -> bool {
        self.expressions.contains_key(regex)
    }

    pub(super) fn is_resolved(&self, regex: &str) -> bool {
        self.expressions.get(regex).is_some_and(|expression| expression.topics.is_some())
    }

    /// The ids of the topics that a member subscribes to and that exist.
    pub(super) fn topics_of(&self, member: &Member, catalog: &Catalog) -> BTreeSet<Uuid> {
        let expression = member.regex().and_then(|regex| self.expressions.get(regex));
        let matched = expression.and_then(|expression| expression.topics.as_ref());
        let names = member.topic_names.iter().chain(matched.into_iter().flatten());
        names.filter_map(|name| catalog.topic(name)).map(|topic| topic.id).collect()
    }

    /// What of the catalog matters to the group: ids and sizes of the topics that it subscribes to.
    pub(super) fn metadata(&self, catalog: &Catalog) -> BTreeMap<Uuid, usize> {
        let matched = self.expressions.values().filter_map(|expression| expression.topics.as_ref()).flatten();
        let names = self.names.keys().chain(matched);
        names.filter_map(|name| catalog.topic(name)).map(|topic| (topic.id, topic.partitions.len())).collect()
    }

    /// Whether the expressions are to be evaluated, because there are new ones or the topics may have changed.
    fn needs_refresh(&self, settings: &GroupSettings, catalog: &Catalog, now: Instant) -> bool {
        if self.expressions.is_empty() {
            return false;
        }
        // As in Kafka the time of the last evaluation is one that some expression remembers.
        let resolved = self.expressions.values().any(|expression| expression.topics.is_some());
        let Some((at, version)) = self.refreshed.filter(|_| resolved) else { return true };
        let age = now.duration_since(at);
        let max_ms = u64::try_from(settings.group_consumer_regex_refresh_interval_ms).unwrap_or(0);
        let unresolved = self.expressions.values().any(|expression| expression.topics.is_none());
        age > REFRESH_MIN_INTERVAL
            && (unresolved || version < catalog.version() || age > Duration::from_millis(max_ms))
    }
}

impl ConsumerGroup {
    /// Evaluates the regular expressions, if it is time.
    pub(in crate::core::groups) fn refresh_expressions(
        &mut self,
        settings: &GroupSettings,
        catalog: &Catalog,
        now: Instant,
    ) {
        let subscriptions = &mut self.subscriptions;
        if !subscriptions.needs_refresh(settings, catalog, now) {
            return;
        }
        let mut has_changed = false;
        for (regex, expression) in &mut subscriptions.expressions {
            let regex = compile(regex).ok();
            let matches = |name: &Str| regex.as_ref().is_some_and(|regex| regex.is_match(name));
            let topics: BTreeSet<Str> =
                catalog.topics().map(|topic| &topic.name).filter(|name| matches(name)).cloned().collect();
            has_changed |= *expression.topics.get_or_insert_default() != topics;
            expression.topics = Some(topics);
        }
        subscriptions.refreshed = Some((now, catalog.version()));
        self.update_metadata(has_changed, catalog);
    }
}
