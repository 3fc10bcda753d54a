//! How long records stay away when the broker that coordinates a group goes: milena's consumer and Kafka's own, in the same run.
//! `cargo run --release -p milena-client --example failover`
//!
//! Three brokers, a topic that lives on all of them, and Java's `VerifiableProducer` writing to it with acks=all. milena's
//! consumer and Java's read it, each in a group of its own; one broker coordinates both. It is shut down, started again,
//! killed; the groups are moved to it and away. For each of these the table says
//!
//! - how long the producer got no acknowledgement: what is not there cannot be delivered;
//! - how long each consumer delivered nothing;
//! - how long the slowest record was on its way to each consumer, counted from its acknowledgement.

#[path = "../common/heard.rs"]
mod heard;
mod measure;
#[path = "../common/processes.rs"]
mod processes;
#[path = "../common/terminated.rs"]
mod terminated;
#[path = "../common/verifiable_consumer.rs"]
mod verifiable_consumer;

use std::error::Error;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use milena_client::{Admin, Config};
use milena_testdata::{Kafka, Process, Version};

use heard::Heard;
use measure::Measure;
use processes::Starter;

const TOPIC: &str = "failover";
const OURS: &str = "milena";
const JAVA: &str = "java";
const PRODUCER: &str = "producer";
const PRODUCER_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/common/producer.properties");
const SHUT_DOWN: &str = "coordinator shut down";
/// No record should take longer then, in milliseconds; without commits that are waited for.
const WANTED: i64 = 500;
/// How long consumers may take to begin, and records to arrive that were written.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures the gap in delivery when a group's coordinator goes, for milena's consumer and for Kafka's own
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,

    /// Records a second
    #[arg(long, default_value_t = 200)]
    throughput: u32,

    /// How long to watch after each event, in seconds
    #[arg(long, default_value_t = 15)]
    watch: u64,

    /// How often all of it happens
    #[arg(long, default_value_t = 1)]
    rounds: usize,

    /// Commit after each poll and wait for it, in place of automatic commits
    #[arg(long)]
    commit_sync: bool,
}

#[derive(clap::Subcommand)]
enum Role {
    /// The process with milena's consumer in it
    #[command(hide = true)]
    Consumer(verifiable_consumer::Options),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    match args.role {
        Some(Role::Consumer(options)) => {
            verifiable_consumer::run(&options, std::io::stdout(), terminated::terminated()?).await
        }
        None => Failover::start(&args)?.run(args.rounds).await,
    }
}

struct Failover {
    kafka: Kafka,
    admin: Admin,
    heard: Receiver<Heard>,
    measure: Measure,
    watch: Duration,
    waits_for_commits: bool,
    producer: Process,
    // They end when these are dropped.
    _consumers: [Process; 2],
}

impl Failover {
    fn start(args: &Args) -> Result<Self, Box<dyn Error>> {
        let (starter, heard) = Starter::new()?;
        eprintln!("logs are in {}", starter.logs().display());
        eprintln!("starting three brokers, a producer and two consumers");
        let kafka = Kafka::options(Version::V4_3_1)
            .brokers(3)
            // One partition has all groups, so that they have one coordinator.
            .property("offsets.topic.num.partitions", "1")
            .property("min.insync.replicas", "2")
            // Leaders move when this program says so.
            .property("auto.leader.rebalance.enable", "false")
            .start()?;
        kafka.create_topic(TOPIC, 6)?;
        let bootstrap = kafka.bootstrap();
        let connection = ["--bootstrap-server", &bootstrap, "--topic", TOPIC];

        let mut java = kafka.java("org.apache.kafka.tools.VerifiableConsumer");
        java.args(connection).args(["--group-id", JAVA]);
        let mut ours = Command::new(std::env::current_exe()?);
        ours.arg("consumer").args(connection).args(["--group-id", OURS]);
        for consumer in [&mut java, &mut ours] {
            consumer.args(["--verbose", "--reset-policy", "earliest"]);
            consumer.args(Some("--enable-autocommit").filter(|_| !args.commit_sync));
        }
        let mut producer = kafka.java("org.apache.kafka.tools.VerifiableProducer");
        producer.args(connection).args(["--repeating-keys", "600"]);
        producer.args(["--throughput", &args.throughput.to_string()]);
        producer.args(["--command-config", PRODUCER_CONFIG]);

        let consumers = [starter.start(JAVA, &java)?, starter.start(OURS, &ours)?];
        Ok(Failover {
            admin: Admin::new(Config::new(&bootstrap)?)?,
            kafka,
            heard,
            measure: Measure::new(PRODUCER, [OURS, JAVA]),
            watch: Duration::from_secs(args.watch),
            waits_for_commits: args.commit_sync,
            producer: starter.start(PRODUCER, &producer)?,
            _consumers: consumers,
        })
    }

    async fn run(mut self, rounds: usize) -> Result<(), Box<dyn Error>> {
        if !self.listen(PATIENCE, Measure::has_begun) {
            return Err("a consumer has read nothing".into());
        }
        let broker = self.coordinator().await?;
        // What was written before they had joined has come by then.
        self.listen(self.watch, |_| false);

        let steps: [(&str, bool, Step); 7] = [
            ("nothing", true, |_, _| Ok(())),
            (SHUT_DOWN, false, |kafka, n| kafka.stop_broker(n)),
            ("its broker started again", false, |kafka, n| kafka.start_broker(n)),
            ("coordinator and leaders moved to it", true, |kafka, _| elect_preferred_leaders(kafka)),
            ("coordinator killed (kill -9)", false, |kafka, n| kafka.kill_broker(n)),
            ("its broker started again", false, |kafka, n| kafka.start_broker(n)),
            ("coordinator and leaders moved to it", true, |kafka, _| elect_preferred_leaders(kafka)),
        ];
        for (what, is_coordinator, step) in steps.iter().cycle().take(steps.len() * rounds) {
            eprintln!("{what}");
            self.measure.happens(what, now_ms());
            step(&mut self.kafka, broker)?;
            self.listen(self.watch, |_| false);
            if (self.coordinator().await? == broker) != *is_coordinator {
                return Err(format!("{what}: the coordinator is not where it should be now").into());
            }
        }
        self.measure.happens("end", now_ms());
        self.producer.signal("TERM")?;
        self.listen(PATIENCE, Measure::is_complete);
        print!("{}", self.measure.table());
        let way = self.measure.longest_way_of(SHUT_DOWN, OURS);
        println!(
            "{SHUT_DOWN}: records were on their way to {OURS} for {way} ms at most; {WANTED} are wanted"
        );
        if !self.measure.is_complete() {
            return Err("records are missing".into());
        }
        if way > WANTED && !self.waits_for_commits {
            return Err(format!("{way} ms are too long").into());
        }
        Ok(())
    }

    /// Takes in what is heard, until something is the case, or time is up.
    fn listen(&mut self, time: Duration, done: impl Fn(&Measure) -> bool) -> bool {
        let deadline = Instant::now() + time;
        while !done(&self.measure) {
            let Ok(heard) = self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            else {
                return done(&self.measure);
            };
            self.measure.hear(&heard);
        }
        true
    }

    /// Which broker coordinates both groups.
    async fn coordinator(&mut self) -> Result<usize, Box<dyn Error>> {
        let address = self.admin.describe_group(OURS).await?.coordinator;
        let broker = (0..3).find(|n| self.kafka.address(*n) == address);
        broker.ok_or_else(|| format!("{address} is none of the brokers").into())
    }
}

type Step = fn(&mut Kafka, usize) -> Result<(), milena_testdata::Error>;

fn elect_preferred_leaders(kafka: &Kafka) -> Result<(), milena_testdata::Error> {
    let arguments = ["--election-type", "preferred", "--all-topic-partitions"];
    kafka.tool("org.apache.kafka.tools.LeaderElectionCommand", &arguments).map(drop)
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
