//! Every setting: what it is called, what it can be, what it is by default.

use super::Kind;

/// A setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    /// The name in `server.properties`; of those that only topics have, the topics' name.
    pub name: &'static str,
    /// The name that topics have for it, where they can have another value.
    pub topic: Option<&'static str>,
    /// What it can be.
    pub kind: Kind,
    /// What it is when nothing is set.
    pub default: &'static str,
}

/// The broker's setting of this name.
pub(super) fn broker(name: &str) -> Option<&'static Property> {
    all_broker().find(|property| property.name == name)
}

/// The names of the broker's settings.
pub(super) fn broker_names() -> impl Iterator<Item = &'static str> {
    all_broker().map(|property| property.name)
}

/// The broker's settings.
pub(super) fn all_broker() -> impl Iterator<Item = &'static Property> {
    BROKER_ONLY.iter().chain(BOTH)
}

/// The settings that a topic can have.
pub(super) fn all_topic() -> impl Iterator<Item = &'static Property> {
    BOTH.iter().chain(TOPIC_ONLY)
}

/// A topic's setting by the topics' name.
pub(super) fn topic(name: &str) -> Option<&'static Property> {
    all_topic().find(|property| property.topic == Some(name))
}

const ANY_INT: Kind = Kind::Int(i32::MIN, i32::MAX);
const ANY_LONG: Kind = Kind::Long(i64::MIN);

const fn only(name: &'static str, kind: Kind, default: &'static str) -> Property {
    Property { name, topic: None, kind, default }
}

const fn both(name: &'static str, topic: &'static str, kind: Kind, default: &'static str) -> Property {
    Property { name, topic: Some(topic), kind, default }
}

const BROKER_ONLY: &[Property] = &[
    only("auto.create.topics.enable", Kind::Bool, "true"),
    // Of each broker that has no rack of its own; empty for none.
    only("broker.rack", Kind::Text(&[]), ""),
    only("connections.max.idle.ms", ANY_LONG, "600000"),
    only("consumer_byte_rate", Kind::Long(1), "9223372036854775807"),
    only("default.replication.factor", Kind::Int(1, 32_767), "1"),
    only("delete.topic.enable", Kind::Bool, "true"),
    only("fetch.max.bytes", Kind::Int(1024, i32::MAX), "57671680"),
    only("group.consumer.assignment.interval.ms", Kind::Int(0, i32::MAX), "1000"),
    only("group.consumer.assignors", Kind::Choice(&["uniform", "range"]), "uniform,range"),
    only("group.consumer.heartbeat.interval.ms", Kind::Int(1, i32::MAX), "5000"),
    only("group.consumer.max.heartbeat.interval.ms", Kind::Int(1, i32::MAX), "15000"),
    only("group.consumer.max.session.timeout.ms", Kind::Int(1, i32::MAX), "60000"),
    only("group.consumer.max.size", Kind::Int(1, i32::MAX), "2147483647"),
    only(
        "group.consumer.migration.policy",
        Kind::Text(&["bidirectional", "downgrade", "upgrade", "disabled"]),
        "bidirectional",
    ),
    only("group.consumer.min.heartbeat.interval.ms", Kind::Int(1, i32::MAX), "5000"),
    only("group.consumer.min.session.timeout.ms", Kind::Int(1, i32::MAX), "45000"),
    only("group.consumer.regex.refresh.interval.ms", Kind::Int(10_000, i32::MAX), "600000"),
    only("group.consumer.session.timeout.ms", Kind::Int(1, i32::MAX), "45000"),
    only("group.initial.rebalance.delay.ms", Kind::Int(0, i32::MAX), "0"),
    only("group.max.session.timeout.ms", Kind::Int(1, i32::MAX), "1800000"),
    only("group.max.size", Kind::Int(1, i32::MAX), "2147483647"),
    only("group.min.session.timeout.ms", Kind::Int(1, i32::MAX), "6000"),
    only("log.cleaner.backoff.ms", Kind::Long(0), "1000"),
    only("log.cleaner.enable", Kind::Bool, "true"),
    only("log.retention.check.interval.ms", Kind::Long(1), "1000"),
    only("max.connections", Kind::Int(0, i32::MAX), "2147483647"),
    only("max.incremental.fetch.session.cache.slots", Kind::Int(0, i32::MAX), "1000"),
    // Kafka has no bounds for them.
    only("milena.max.groups", Kind::Int(1, i32::MAX), "10000"),
    only("milena.max.transactional.ids", Kind::Int(1, i32::MAX), "10000"),
    only("num.partitions", Kind::Int(1, i32::MAX), "1"),
    only("offset.metadata.max.bytes", ANY_INT, "4096"),
    only("offsets.retention.check.interval.ms", Kind::Long(1), "600000"),
    only("offsets.retention.minutes", Kind::Int(1, i32::MAX), "10080"),
    only("offsets.topic.num.partitions", Kind::Int(1, i32::MAX), "50"),
    only("offsets.topic.replication.factor", Kind::Int(1, 32_767), "3"),
    only("producer.id.expiration.ms", Kind::Int(1, i32::MAX), "86400000"),
    only("producer_byte_rate", Kind::Long(1), "9223372036854775807"),
    only("quota.window.num", Kind::Int(1, i32::MAX), "11"),
    only("quota.window.size.seconds", Kind::Int(1, i32::MAX), "1"),
    only(
        "replica.selector.class",
        Kind::Text(&[
            "org.apache.kafka.common.replica.RackAwareReplicaSelector",
            "org.apache.kafka.common.replica.LeaderSelector",
        ]),
        "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    ),
    only("socket.request.max.bytes", Kind::Int(1, i32::MAX), "104857600"),
    only("transaction.abort.timed.out.transaction.cleanup.interval.ms", Kind::Int(1, i32::MAX), "10000"),
    only("transaction.max.timeout.ms", Kind::Int(1, i32::MAX), "900000"),
    only("transaction.partition.verification.enable", Kind::Bool, "true"),
    only("transaction.remove.expired.transaction.cleanup.interval.ms", Kind::Int(1, i32::MAX), "3600000"),
    only("transaction.state.log.num.partitions", Kind::Int(1, i32::MAX), "50"),
    only("transaction.state.log.replication.factor", Kind::Int(1, 32_767), "3"),
    only("transactional.id.expiration.ms", Kind::Int(1, i32::MAX), "604800000"),
];

const BOTH: &[Property] = &[
    both("compression.gzip.level", "compression.gzip.level", Kind::Int(-1, 9), "-1"),
    both("compression.lz4.level", "compression.lz4.level", Kind::Int(1, 17), "9"),
    both(
        "compression.type",
        "compression.type",
        Kind::Text(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
    ),
    both("compression.zstd.level", "compression.zstd.level", Kind::Int(-131_072, 22), "3"),
    both("log.cleaner.delete.retention.ms", "delete.retention.ms", Kind::Long(0), "86400000"),
    both("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms", Kind::Long(1), "9223372036854775807"),
    both("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio", Kind::Double(0.0, 1.0), "0.5"),
    both("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms", Kind::Long(0), "0"),
    both("log.cleanup.policy", "cleanup.policy", Kind::List(&["compact", "delete"]), "delete"),
    both("log.flush.interval.messages", "flush.messages", Kind::Long(1), "9223372036854775807"),
    both("log.flush.interval.ms", "flush.ms", Kind::Long(0), "9223372036854775807"),
    both("log.index.interval.bytes", "index.interval.bytes", Kind::Int(0, i32::MAX), "4096"),
    both("log.index.size.max.bytes", "segment.index.bytes", Kind::Int(4, i32::MAX), "10485760"),
    both("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms", Kind::Long(0), "3600000"),
    both(
        "log.message.timestamp.before.max.ms",
        "message.timestamp.before.max.ms",
        Kind::Long(0),
        "9223372036854775807",
    ),
    both(
        "log.message.timestamp.type",
        "message.timestamp.type",
        Kind::Text(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
    ),
    both("log.preallocate", "preallocate", Kind::Bool, "false"),
    both("log.retention.bytes", "retention.bytes", ANY_LONG, "-1"),
    both("log.retention.ms", "retention.ms", Kind::Long(-1), "-1"),
    both("log.roll.jitter.ms", "segment.jitter.ms", Kind::Long(0), "0"),
    both("log.roll.ms", "segment.ms", Kind::Long(1), "604800000"),
    both("log.segment.bytes", "segment.bytes", Kind::Int(1 << 20, i32::MAX), "16777216"),
    both("log.segment.delete.delay.ms", "file.delete.delay.ms", Kind::Long(0), "60000"),
    both("message.max.bytes", "max.message.bytes", Kind::Int(0, i32::MAX), "1048588"),
    // All partitions of a topic together. Kafka has a disk instead.
    both("milena.topic.max.bytes", "milena.topic.max.bytes", Kind::Long(1), "1073741824"),
    both("min.insync.replicas", "min.insync.replicas", Kind::Int(1, i32::MAX), "1"),
    both("unclean.leader.election.enable", "unclean.leader.election.enable", Kind::Bool, "false"),
];

/// What only topics have.
pub(super) const TOPIC_ONLY: &[Property] = &[
    both(
        "follower.replication.throttled.replicas",
        "follower.replication.throttled.replicas",
        Kind::List(&[]),
        "",
    ),
    // Kafka's own tests have it, to get segments smaller than 1 MiB; -1 is segment.bytes.
    both("internal.segment.bytes", "internal.segment.bytes", Kind::Int(-1, i32::MAX), "-1"),
    both(
        "leader.replication.throttled.replicas",
        "leader.replication.throttled.replicas",
        Kind::List(&[]),
        "",
    ),
    both("local.retention.bytes", "local.retention.bytes", Kind::Long(-2), "-2"),
    both("local.retention.ms", "local.retention.ms", Kind::Long(-2), "-2"),
    both("remote.log.copy.disable", "remote.log.copy.disable", Kind::Bool, "false"),
    both("remote.log.delete.on.disable", "remote.log.delete.on.disable", Kind::Bool, "false"),
    both("remote.storage.enable", "remote.storage.enable", Kind::Bool, "false"),
];
