//! What a seed decides before anything happens: the cluster, the group, how its applications behave, and which kinds of
//! faults there are.
//!
//! Each kind of fault is switched off altogether in many histories (swarm testing): faults hide one another, and what a rare
//! one brings about shows best where nothing else is wrong.

use std::time::Duration;

use milena_broker::Settings;
use milena_client::{Config, GroupProtocol, OffsetReset, Strategy};
use milena_protocol::Api;

use crate::network::Weather;
use crate::rng::Rng;
use crate::versions;

pub const GROUP: &str = "group";
pub const NODES: i32 = 3;
/// What the brokers are called, with the number behind.
pub const HOST: &str = "broker-";
pub const PORT: u16 = 9092;

/// How an application commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// `enable.auto.commit`.
    Automatic,
    /// It waits for a commit after each poll that had records.
    Sync,
    /// The same, and says itself which offsets.
    Offsets,
    /// It does not wait, but before partitions go.
    Async,
}

/// One kind of fault that goes on all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A broker stops, and starts again.
    Restart,
    MoveLeader,
    BumpEpoch,
    MoveCoordinator,
    EvictSessions,
    /// The coordinator forgets a member.
    EndSession,
    /// All connections to a broker break.
    Disconnect,
    /// A log loses its end.
    Truncate,
    /// A log loses its beginning.
    Trim,
    /// A broker answers with errors.
    Errors,
    Join,
    Leave,
    /// A consumer is no more, and nobody is told.
    Crash,
    /// An application does not poll for longer than `max.poll.interval.ms`.
    SlowPoll,
    AddPartitions,
    /// A producer closes, or is no more; another one takes its place.
    EndProducer,
}

impl Kind {
    const ALL: [(Kind, u64); 16] = [
        // With how often it is there, in percent of histories.
        (Kind::Restart, 35),
        (Kind::MoveLeader, 40),
        (Kind::BumpEpoch, 20),
        (Kind::MoveCoordinator, 35),
        (Kind::EvictSessions, 30),
        (Kind::EndSession, 25),
        (Kind::Disconnect, 30),
        (Kind::Truncate, 25),
        (Kind::Trim, 15),
        (Kind::Errors, 50),
        (Kind::Join, 60),
        (Kind::Leave, 50),
        (Kind::Crash, 40),
        (Kind::SlowPoll, 30),
        (Kind::AddPartitions, 15),
        (Kind::EndProducer, 25),
    ];
}

/// All that is decided beforehand.
#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    /// The partitions of each topic.
    pub topics: Vec<usize>,
    /// How long faults go on.
    pub lasts: Duration,
    pub weather: Weather,
    pub faults: Vec<Kind>,
    /// The longest between two faults, in milliseconds.
    pub fault_every_ms: u64,
    pub protocol: GroupProtocol,
    pub strategies: Vec<Strategy>,
    pub remote_assignor: &'static str,
    /// How many consumers there are at the beginning.
    pub members: usize,
    /// How many consumers have a `group.instance.id`, in percent.
    pub static_percent: u64,
    pub commits: Commits,
    /// Whether applications pause, and seek back.
    pub pauses: bool,
    pub seeks: bool,
    pub from_latest: bool,
    pub max_poll_records: usize,
    pub max_poll_interval: Duration,
    pub session_timeout: Duration,
    pub retry_backoff: Duration,
    pub metadata_max_age: Duration,
    pub fetch_bytes: i32,
    pub buffer_bytes: usize,
    /// How long an application works on a poll, in milliseconds.
    pub work_ms: u64,
    /// How many producers there are, and how many writers, who make duplicates.
    pub producers: usize,
    pub writers: usize,
    /// The longest between two batches of a producer, in milliseconds.
    pub produce_every_ms: u64,
    /// Whether producers give records up (`delivery.timeout.ms`, `retries`, `max.block.ms`).
    pub gives_up: bool,
    /// Whether what a producer has sent can arrive after it has given up the connection, and has sent it again on another one.
    pub comes_late: bool,
    /// The largest batch that topics take, if it is a small one: larger ones have to be split.
    pub message_max_bytes: Option<u32>,
    /// The newest versions of the APIs of which the brokers do not have all.
    pub versions: Vec<(Api, i16)>,
}

impl History {
    pub fn of(seed: u64) -> History {
        let rng = &mut Rng::new(seed);
        let faults: Vec<Kind> =
            Kind::ALL.iter().filter(|(_, percent)| rng.percent(*percent)).map(|(kind, _)| *kind).collect();
        let on =
            |rng: &mut Rng, percent, most: u64| if rng.percent(percent) { rng.within(1..=most) } else { 0 };
        let weather = Weather {
            latency_ms: *rng.pick(&[0, 1, 5, 20, 100]),
            cuts: *rng.pick(&[0, 100, 500]),
            stalls: on(rng, 30, 10),
            breaks_before: on(rng, 30, 20),
            breaks_after: on(rng, 30, 20),
            refusals: on(rng, 30, 300),
        };
        let strategies: &[&[Strategy]] = &[
            &[Strategy::Range, Strategy::CooperativeSticky],
            &[Strategy::Range],
            &[Strategy::RoundRobin],
            &[Strategy::Sticky],
            &[Strategy::CooperativeSticky],
            &[Strategy::CooperativeSticky],
        ];
        let strategies = rng.pick(strategies).to_vec();
        let producers = rng.below(3);
        let gives_up = rng.percent(35);
        let writers = if producers == 0 { 1 + rng.below(2) } else { rng.below(2) };
        let max_poll_records = *rng.pick(&[1, 3, 10, 500]);
        let loses_records = faults.contains(&Kind::Truncate) || faults.contains(&Kind::Trim);
        let mut history = History {
            seed,
            topics: (0..1 + rng.below(2)).map(|_| 1 + rng.below(5)).collect(),
            lasts: rng.millis(4_000..=12_000),
            weather,
            fault_every_ms: *rng.pick(&[200, 1_000, 3_000]),
            protocol: *rng.pick(&[GroupProtocol::Classic, GroupProtocol::Consumer]),
            strategies,
            remote_assignor: if rng.percent(50) { "uniform" } else { "range" },
            members: 1 + rng.below(3),
            static_percent: *rng.pick(&[0, 0, 50, 100]),
            commits: *rng.pick(&[Commits::Automatic, Commits::Sync, Commits::Offsets, Commits::Async]),
            pauses: rng.percent(30),
            // Whoever seeks to an offset alone is not told when the log behind it becomes another one.
            seeks: rng.percent(20) && !faults.contains(&Kind::Truncate),
            // What `latest` leaves out is left out: only where nothing else can lead to a reset it is clear what.
            from_latest: !loses_records && rng.percent(20),
            max_poll_records,
            max_poll_interval: rng.millis(3_000..=8_000),
            session_timeout: rng.millis(6_000..=8_000),
            retry_backoff: *rng.pick(&[Duration::from_millis(20), Duration::from_millis(100)]),
            metadata_max_age: rng.millis(2_000..=60_000),
            fetch_bytes: *rng.pick(&[200, 2_000, 1 << 20]),
            buffer_bytes: *rng.pick(&[4_000, 64_000, 64 << 20]),
            // What is written must be read within the history's end.
            work_ms: *rng.pick(if max_poll_records < 10 { &[1, 20] } else { &[20, 300] }),
            producers,
            writers,
            produce_every_ms: *rng.pick(&[300, 1_000, 2_500]),
            gives_up,
            // Were a batch that was given up to arrive late, and those behind it, these would be there twice: they have got
            // other numbers in the meantime. Nothing in Kafka's protocol could keep that from happening.
            comes_late: !gives_up && rng.percent(50),
            message_max_bytes: rng.percent(25).then(|| rng.within(200..=600) as u32),
            versions: Vec::new(),
            faults,
        };
        if history.protocol == GroupProtocol::Classic && history.static_percent > 0 {
            // A static leader that comes back is given nothing to assign (KIP-814), and so does not know of partitions that were
            // added while it was away: they wait for the next rebalance, as they do with Java's consumer.
            history.faults.retain(|kind| *kind != Kind::AddPartitions);
        }
        let waits = matches!(history.commits, Commits::Sync | Commits::Offsets);
        if waits && history.max_poll_records == 1 && history.weather.latency_ms >= 100 {
            // Whoever waits for a commit after each record reads one in a round trip, some eight in a second. One consumer alone
            // would not be through with 800 records when all has to be read.
            history.produce_every_ms = history.produce_every_ms.max(1_000);
        }
        history.versions = versions::draw(&history, rng);
        history
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.faults.contains(&kind)
    }

    /// Whether a partition may be nobody's until the next rebalance: taken from a static member that was gone before it had asked for
    /// the rebalance that gives it to another one. Its successor gets the assignment without it, and has nothing to give up and so
    /// no cause to ask (KIP-345, KIP-429). If it did ask, a coordinator that takes over does not know.
    pub fn can_leave_out(&self) -> bool {
        let is_cooperative =
            self.protocol == GroupProtocol::Classic && self.strategies == [Strategy::CooperativeSticky];
        let goes_away = self.has(Kind::Crash) || self.has(Kind::Leave);
        is_cooperative && self.static_percent > 0 && goes_away
    }

    /// Whether a static member may be fenced by what it was itself before: what that has sent can come late.
    pub fn can_fence(&self) -> bool {
        let comes_late = self.weather.stalls > 0 && self.has(Kind::Crash);
        comes_late || self.has(Kind::MoveCoordinator) || self.has(Kind::Restart)
    }

    /// The brokers' settings. Times are short, so that much happens in little time.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let session_ms = self.session_timeout.as_millis();
        for (name, value) in [
            ("group.consumer.min.session.timeout.ms", 1),
            ("group.consumer.session.timeout.ms", session_ms),
            ("group.consumer.min.heartbeat.interval.ms", 1),
            ("group.consumer.heartbeat.interval.ms", 1_000),
            ("offsets.topic.num.partitions", 3),
        ] {
            settings.set(name, value).expect("the broker knows it");
        }
        settings
    }

    /// A consumer's configuration.
    pub fn config(&self, name: &str, instance: Option<&str>) -> Config {
        let reset = if self.from_latest { OffsetReset::Latest } else { OffsetReset::Earliest };
        let config = Config::new(&bootstrap_servers()).expect("these are addresses");
        let config = match self.protocol {
            GroupProtocol::Consumer => config.group_remote_assignor(self.remote_assignor),
            _ => config
                .partition_assignment_strategy(self.strategies.clone())
                .session_timeout(self.session_timeout)
                .heartbeat_interval(Duration::from_millis(1_000)),
        };
        config
            .group_id(GROUP)
            .client_id(name)
            .group_instance_id(instance.unwrap_or_default())
            .group_protocol(self.protocol)
            .auto_offset_reset(reset)
            .enable_auto_commit(self.commits == Commits::Automatic)
            .auto_commit_interval(Duration::from_millis(1_000))
            .max_poll_interval(self.max_poll_interval)
            .max_poll_records(self.max_poll_records)
            .fetch_max_wait(Duration::from_millis(500))
            .max_partition_fetch_bytes(self.fetch_bytes)
            .buffer_bytes(self.buffer_bytes)
            .request_timeout(Duration::from_millis(5_000))
            .default_api_timeout(Duration::from_millis(10_000))
            .retry_backoff(self.retry_backoff)
            .metadata_max_age(self.metadata_max_age)
            .socket_connection_setup_timeout(Duration::from_millis(2_000))
    }
}

/// The addresses of all brokers.
pub fn bootstrap_servers() -> String {
    (1..=NODES).map(|node| format!("{HOST}{node}:{PORT}")).collect::<Vec<_>>().join(",")
}
