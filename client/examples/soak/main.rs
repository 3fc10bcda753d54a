//! A group that is given no rest: members join, leave and are killed, and brokers are restarted one after another, while
//! Java's `VerifiableProducer` writes with acks=all.
//! `cargo run --release -p milena-client --example soak -- --minutes 10`
//!
//! Each member is a process of its own, this program with a hidden subcommand, so that kill -9 is real. What they and the
//! producer say is compared at every moment:
//!
//! - every acknowledged record is read at least once, with the value that was written;
//! - each member reads each of its partitions in order, without a gap, from when it gets it until it goes;
//! - no commit goes back, neither one member's nor the group's (its log is read), and none is ahead of what was read;
//! - no acknowledged record waits for longer than ten seconds;
//! - who is asked to leave leaves, and nobody ends by itself;
//! - in the end the group has committed all there is.
//!
//! The ten seconds have to hold a session of six, after which the group notices that a member was killed. So two kills, of
//! members or of brokers, are that far apart.

mod brokers;
mod commits;
#[path = "../common/heard.rs"]
mod heard;
mod ledger;
mod members;
#[path = "../common/processes.rs"]
mod processes;
mod report;
mod rng;
#[path = "../common/terminated.rs"]
mod terminated;
#[path = "../common/verifiable_consumer.rs"]
mod verifiable_consumer;

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use milena_client::{Admin, Config};
use milena_testdata::{Kafka, Process, Version};
use tokio::runtime::Runtime;

use brokers::{Brokers, Restart};
use heard::Heard;
use ledger::{Commit, Ledger};
use members::Members;
use processes::Starter;
use rng::Rng;

const TOPIC: &str = "soak";
const GROUP: &str = "soak";
const PRODUCER_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/common/producer.properties");
const MEMBER_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/soak/member.properties");

const BROKERS: usize = 3;
const SESSION_TIMEOUT_MS: &str = "6000";
/// The longest that an acknowledged record may wait to be read, in milliseconds.
const LONGEST_WAIT: i64 = 10_000;
/// The least time between two kills.
const BETWEEN_KILLS: Duration = Duration::from_secs(10);
/// A member that is killed before the group has settled takes two sessions to be noticed.
const SETTLED: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long what is under way in the end may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lets members of a group join, leave and be killed, and brokers restart, and checks that nothing is lost
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,

    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,

    /// What is random comes from this number; one of the clock's if it is not given
    #[arg(long)]
    seed: Option<u64>,

    /// Records a second
    #[arg(long, default_value_t = 300)]
    throughput: u32,

    /// Partitions of the topic
    #[arg(long, default_value_t = 6)]
    partitions: u32,

    /// The most members at a time
    #[arg(long, default_value_t = 4)]
    members: usize,

    /// Keep the logs of the processes also when all is well
    #[arg(long)]
    keep_logs: bool,

    /// How partitions are shared out: range, cooperative-sticky, ...; of the group protocol classic
    #[arg(long, default_value = "range")]
    assignment_strategy: String,

    /// The group protocol: classic or consumer
    #[arg(long, default_value = "classic")]
    group_protocol: String,
}

#[derive(clap::Subcommand)]
enum Role {
    /// A member of the group
    #[command(hide = true)]
    Member(verifiable_consumer::Options),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if let Some(Role::Member(options)) = &args.role {
        let member =
            async { verifiable_consumer::run(options, std::io::stdout(), terminated::terminated()?).await };
        return runtime.block_on(member).map(|()| ExitCode::SUCCESS);
    }
    let mut soak = Soak::start(&args, &runtime)?;
    soak.run(Duration::from_secs_f64(args.minutes * 60.0))?;
    soak.end(&runtime)
}

struct Soak {
    rng: Rng,
    most_members: usize,
    brokers: Brokers,
    next_broker: usize,
    restarted: usize,
    killed: usize,
    producer: Process,
    members: Members,
    starter: Starter,
    keep_logs: bool,
    heard: Receiver<Heard>,
    commits: Receiver<Commit>,
    admin: Config,
    ledger: Ledger,
    started: Instant,
    told: Instant,
    /// When the next member comes or goes.
    member_at: Instant,
    /// When the next broker goes.
    broker_at: Instant,
    /// How long after the one before.
    pause: Duration,
    /// No kills, and nothing that prolongs a session, before this.
    quiet_until: Instant,
}

impl Soak {
    fn start(args: &Args, runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let seed = args.seed.unwrap_or(clock);
        let (starter, heard) = Starter::new()?;
        println!("seed {seed}; the logs of the processes are in {}", starter.logs().display());
        let kafka = Kafka::options(Version::V4_3_1)
            .brokers(BROKERS)
            .property("min.insync.replicas", "2")
            // Leaders go when their brokers do. When they come back would depend on the clock.
            .property("auto.leader.rebalance.enable", "false")
            .property("group.consumer.min.session.timeout.ms", "1000")
            .property("group.consumer.session.timeout.ms", SESSION_TIMEOUT_MS)
            .property("group.consumer.min.heartbeat.interval.ms", "100")
            .property("group.consumer.heartbeat.interval.ms", "1000")
            .start()?;
        kafka.create_topic(TOPIC, args.partitions)?;
        let bootstrap = kafka.bootstrap();

        let mut options = vec!["--bootstrap-server", &bootstrap, "--topic", TOPIC, "--group-id", GROUP];
        options.extend(["--verbose", "--group-protocol", &args.group_protocol]);
        if args.group_protocol == "classic" {
            options.extend(["--assignment-strategy", &args.assignment_strategy]);
            options.extend(["--session-timeout", SESSION_TIMEOUT_MS, "--command-config", MEMBER_CONFIG]);
        }
        let members = Members::new(options.into_iter().map(str::to_owned).collect());

        let mut producer = kafka.java("org.apache.kafka.tools.VerifiableProducer");
        producer.args(["--bootstrap-server", &bootstrap, "--topic", TOPIC, "--repeating-keys", "600"]);
        producer.args(["--throughput", &args.throughput.to_string(), "--command-config", PRODUCER_CONFIG]);
        let producer = starter.start("producer", &producer)?;

        let admin = Config::new(&bootstrap)?;
        let now = Instant::now();
        Ok(Soak {
            rng: Rng(seed),
            most_members: args.members.max(2),
            brokers: Brokers::new(kafka),
            next_broker: 0,
            restarted: 0,
            killed: 0,
            producer,
            members,
            starter,
            keep_logs: args.keep_logs,
            heard,
            commits: commits::follow(admin.clone(), runtime),
            admin,
            ledger: Ledger::default(),
            started: now,
            told: now,
            member_at: now,
            broker_at: now + Duration::from_secs(15),
            pause: Duration::ZERO,
            quiet_until: now + BETWEEN_KILLS,
        })
    }

    fn run(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        while self.started.elapsed() < time {
            self.look()?;
            self.move_members()?;
            self.restart_brokers()?;
        }
        Ok(())
    }

    /// Takes in what has happened.
    fn look(&mut self) -> Result<(), Box<dyn Error>> {
        let until = Instant::now() + LOOK_EVERY;
        while let Ok(heard) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.ledger.hear(&heard);
        }
        self.commits.try_iter().for_each(|commit| self.ledger.commits(&commit));
        self.members.look(&mut self.ledger)?;
        if self.told.elapsed() > TELL_EVERY {
            self.told = Instant::now();
            self.tell();
        }
        Ok(())
    }

    fn move_members(&mut self) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        if now < self.member_at {
            return Ok(());
        }
        let running = self.members.len();
        let may_kill = now > self.quiet_until
            && self.members.are_settled(&self.ledger, SETTLED)
            && !self.brokers.is_busy()?;
        match self.rng.between(0, 9) {
            _ if running < 2 => self.members.start(&self.starter, self.rng.between(0, 1) == 0)?,
            0..=3 if running < self.most_members => {
                self.members.start(&self.starter, self.rng.between(0, 1) == 0)?;
            }
            4..=6 => self.members.close(self.rng.below(running))?,
            7..=9 if may_kill => {
                self.members.kill(self.rng.below(running))?;
                self.quiet_until = now + BETWEEN_KILLS;
            }
            _ => {}
        }
        self.member_at = now + Duration::from_millis(self.rng.between(500, 6_000));
        Ok(())
    }

    fn restart_brokers(&mut self) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        if self.brokers.is_busy()? {
            self.broker_at = now + self.pause;
        } else if now > self.broker_at && now > self.quiet_until {
            let kill = self.rng.between(0, 3) == 0;
            let down = Duration::from_millis(self.rng.between(0, 8_000));
            self.brokers.restart(Restart { broker: self.next_broker, kill, down });
            self.next_broker = (self.next_broker + 1) % BROKERS;
            self.pause = Duration::from_millis(self.rng.between(3_000, 15_000));
            self.restarted += usize::from(!kill);
            self.killed += usize::from(kill);
        }
        Ok(())
    }

    /// Lets everything come to its end, and says how it went.
    fn end(mut self, runtime: &Runtime) -> Result<ExitCode, Box<dyn Error>> {
        self.look_until("a broker is not back", |soak| Ok(!soak.brokers.is_busy()?))?;
        self.producer.signal("TERM")?;
        self.look_until("the producer does not end", |soak| Ok(soak.producer.ended()?.is_some()))?;
        self.look_until("records are missing", |soak| Ok(soak.ledger.missing().next().is_none()))?;
        while self.members.len() > 0 {
            self.members.close(0)?;
        }
        self.look_until("members are not gone", |soak| Ok(soak.members.have_ended()))?;
        // The group's offsets, now that nobody commits any more.
        let admin = Admin::new(self.admin.clone())?;
        let (committed, ends) = runtime.block_on(commits::committed_and_ends(admin))?;
        self.look_until("the log of commits was not read", |soak| Ok(*soak.ledger.committed() == committed))?;
        if committed != ends {
            self.ledger.problem(format!("committed is {committed:?}, and the ends are {ends:?}"));
        }
        let missing = self.ledger.missing().count();
        if missing > 0 {
            self.ledger.problem(format!("{missing} records were acknowledged and never read"));
        }
        let wait = self.ledger.counts.wait;
        if wait > LONGEST_WAIT {
            self.ledger.problem(format!("a record waited for {wait} ms"));
        }
        self.table(missing);
        self.brokers.end();
        if self.ledger.problems() > 0 {
            return Ok(ExitCode::FAILURE);
        }
        if !self.keep_logs {
            std::fs::remove_dir_all(self.starter.logs())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Goes on until something is the case, which is a problem if it takes too long.
    fn look_until(
        &mut self,
        problem: &str,
        mut done: impl FnMut(&mut Self) -> Result<bool, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self)? {
            if Instant::now() > deadline {
                self.ledger.problem(problem.to_owned());
                return Ok(());
            }
            self.look()?;
        }
        Ok(())
    }
}
