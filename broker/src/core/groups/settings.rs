//! What a user can set about groups, by Kafka's own names.

use milena_protocol::Str;

use crate::settings::{Settings, list};

/// More members than this a group never has, nor as many who were only told their id: a client that misbehaves gets an
/// error, and memory has an end.
pub(super) const MAX_MEMBERS: usize = 10_000;

/// Which way groups with members change between the classic and the consumer protocol, as members do (KIP-848).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    #[default]
    Bidirectional,
    /// From the classic protocol to the consumer protocol.
    Upgrade,
    /// From the consumer protocol to the classic protocol.
    Downgrade,
    /// Not at all: members of the other protocol are turned away.
    Disabled,
}

impl MigrationPolicy {
    pub(super) fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Upgrade)
    }

    pub(super) fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Bidirectional | MigrationPolicy::Downgrade)
    }
}

/// The settings of the group coordinator, with Kafka's defaults; times are in the unit that the name ends in.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// `milena.max.groups`: how many groups there may be at once. Where there are more, one without members goes, first
    /// those without offsets, then the one that nobody has used for longest; when all have members,
    /// COORDINATOR_NOT_AVAILABLE meets the next one. Kafka has no such limit.
    pub max_groups: usize,
    /// `group.initial.rebalance.delay.ms`: for how long an empty classic group waits for more members to join.
    pub group_initial_rebalance_delay_ms: i32,
    /// `group.max.size`: how many members a classic group may have.
    pub group_max_size: i32,
    /// `group.min.session.timeout.ms`: a shorter session is refused with INVALID_SESSION_TIMEOUT.
    pub group_min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`: a longer session is refused with INVALID_SESSION_TIMEOUT.
    pub group_max_session_timeout_ms: i32,
    /// `group.consumer.assignors`: those that the coordinator has, of `uniform` and `range`. The first one assigns where
    /// members ask for none.
    pub group_consumer_assignors: Vec<Str>,
    /// `group.consumer.heartbeat.interval.ms`: how often members of consumer groups are told to send heartbeats.
    pub group_consumer_heartbeat_interval_ms: i32,
    /// `group.consumer.session.timeout.ms`: how long nothing may be heard of a member of a consumer group.
    pub group_consumer_session_timeout_ms: i32,
    /// `group.consumer.max.size`: how many members a consumer group may have.
    pub group_consumer_max_size: i32,
    /// `group.consumer.migration.policy`: whether groups with members change between the protocols.
    pub group_consumer_migration_policy: MigrationPolicy,
    /// `group.consumer.assignment.interval.ms`: how often it is worked out at most what is to be whose (KIP-1263).
    pub group_consumer_assignment_interval_ms: i32,
    /// `group.consumer.regex.refresh.interval.ms`: how often regular expressions are evaluated at least.
    pub group_consumer_regex_refresh_interval_ms: i32,
    /// `offset.metadata.max.bytes`: how much may be kept beside an offset.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`: how long offsets are kept that nobody uses.
    pub offsets_retention_minutes: i32,
    /// `offsets.retention.check.interval.ms`: how often it is looked whether there are such.
    pub offsets_retention_check_interval_ms: i64,
}

impl From<&Settings> for GroupSettings {
    fn from(settings: &Settings) -> Self {
        GroupSettings {
            max_groups: settings.int("milena.max.groups") as usize,
            group_initial_rebalance_delay_ms: settings.int("group.initial.rebalance.delay.ms"),
            group_max_size: settings.int("group.max.size"),
            group_min_session_timeout_ms: settings.int("group.min.session.timeout.ms"),
            group_max_session_timeout_ms: settings.int("group.max.session.timeout.ms"),
            group_consumer_assignors: list(settings.text("group.consumer.assignors"))
                .map(Str::from)
                .collect(),
            group_consumer_heartbeat_interval_ms: settings.int("group.consumer.heartbeat.interval.ms"),
            group_consumer_session_timeout_ms: settings.int("group.consumer.session.timeout.ms"),
            group_consumer_max_size: settings.int("group.consumer.max.size"),
            group_consumer_migration_policy: match settings.text("group.consumer.migration.policy") {
                "upgrade" => MigrationPolicy::Upgrade,
                "downgrade" => MigrationPolicy::Downgrade,
                "disabled" => MigrationPolicy::Disabled,
                _ => MigrationPolicy::Bidirectional,
            },
            group_consumer_assignment_interval_ms: settings.int("group.consumer.assignment.interval.ms"),
            group_consumer_regex_refresh_interval_ms: settings
                .int("group.consumer.regex.refresh.interval.ms"),
            offset_metadata_max_bytes: settings.int("offset.metadata.max.bytes"),
            offsets_retention_minutes: settings.int("offsets.retention.minutes"),
            offsets_retention_check_interval_ms: settings.long("offsets.retention.check.interval.ms"),
        }
    }
}

impl Default for GroupSettings {
    fn default() -> Self {
        GroupSettings {
            max_groups: 10_000,
            group_initial_rebalance_delay_ms: 3_000,
            group_max_size: i32::MAX,
            group_min_session_timeout_ms: 6_000,
            group_max_session_timeout_ms: 1_800_000,
            group_consumer_assignors: vec![Str::from_static("uniform"), Str::from_static("range")],
            group_consumer_heartbeat_interval_ms: 5_000,
            group_consumer_session_timeout_ms: 45_000,
            group_consumer_max_size: i32::MAX,
            group_consumer_migration_policy: MigrationPolicy::Bidirectional,
            group_consumer_assignment_interval_ms: 1_000,
            group_consumer_regex_refresh_interval_ms: 600_000,
            offset_metadata_max_bytes: 4_096,
            offsets_retention_minutes: 7 * 24 * 60,
            offsets_retention_check_interval_ms: 600_000,
        }
    }
}
