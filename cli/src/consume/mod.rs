//! `milena consume`: the records of a topic, as a member of a group.
//!
//! A record counts as read when its line has been written and flushed: a poll comes only after that, and it is polls
//! that commit what came before them. So a process that is killed repeats lines, and never loses one.

mod format;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use milena_client::{Config, Consumer, Error, Records, TopicPartition};

use crate::failure::Failure;
use format::Format;
use progress::Progress;

/// How long a poll waits for records before the loop looks around.
const POLL: Duration = Duration::from_millis(500);

/// How long the last commit and the goodbye to the group may take.
const CLOSE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(after_help = "Ctrl-C commits what was written, leaves the group and ends with exit code 0.")]
pub struct Args {
    /// The brokers to begin with
    #[arg(long, value_name = "HOST:PORT[,HOST:PORT]")]
    bootstrap: String,

    /// The topic
    #[arg(long, value_name = "T")]
    topic: String,

    /// The group; its members share the partitions, and it remembers what was read
    #[arg(long, value_name = "G")]
    group: String,

    /// Begin with the oldest record where the group has read nothing yet, instead of with the next new one
    #[arg(long)]
    from_beginning: bool,

    /// End after N records
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,

    /// End when everything has been read that is there
    #[arg(long)]
    exit_at_end: bool,

    /// How to print a record
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// A property of the consumer by Kafka's own name, as in -X fetch.min.bytes=1000; may be repeated
    #[arg(short = 'X', value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

/// `NAME=VALUE`
fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is written as name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub fn run(args: Args) -> Result<(), Failure> {
    let config = config(&args).unwrap_or_else(|problem| crate::usage(problem));
    if args.max_messages == Some(0) {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of)?;
    runtime.block_on(consume(&args, config))
}

fn config(args: &Args) -> Result<Config, String> {
    let mut config = Config::new(&args.bootstrap).map_err(|e| e.to_string())?;
    let reset = if args.from_beginning { "earliest" } else { "latest" };
    let options = [
        ("group.id", args.group.as_str()),
        ("client.id", "milena"),
        ("auto.offset.reset", reset),
        // Whoever sits in front of it should not wait a minute to hear of a wrong port.
        ("default.api.timeout.ms", "10000"),
    ];
    let properties = args.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in options.into_iter().chain(properties) {
        config.set(name, value).map_err(|e| e.to_string())?;
    }
    Ok(config)
}

async fn consume(args: &Args, config: Config) -> Result<(), Failure> {
    let mut consumer = match Consumer::new(config) {
        Err(Error::Config(problem)) => crate::usage(problem),
        consumer => consumer.map_err(Failure::of)?,
    };
    consumer.subscribe([args.topic.as_str()]).await.map_err(Failure::of)?;
    let mut output = Output {
        out: BufWriter::with_capacity(1 << 20, io::stdout()),
        format: args.format,
        left: args.max_messages.unwrap_or(u64::MAX),
        progress: Progress::new(),
    };

    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        let records = tokio::select! {
            () = &mut stop => break,
            records = consumer.poll(POLL) => records.map_err(Failure::of)?,
        };
        // A failure to write leaves by `?`, and the consumer without a commit.
        let rest = output.print(&records)?;
        for (partition, offset) in rest {
            consumer.seek(&partition, offset).await.map_err(Failure::of)?;
        }
        consumer.notices().for_each(|notice| output.progress.say(notice.to_string()));
        let lag = consumer.lag().await.map_err(Failure::of)?;
        output.progress.lag(lag);
        if output.left == 0 || (args.exit_at_end && lag == Some(0)) {
            break;
        }
    }
    output.progress.finish();
    consumer.close(CLOSE).await.map_err(Failure::of)
}

struct Output {
    out: BufWriter<io::Stdout>,
    format: Format,
    /// How many more records are wanted.
    left: u64,
    progress: Progress,
}

impl Output {
    /// Prints records as long as some are wanted, and flushes. Gives back where the others begin.
    fn print(&mut self, records: &Records<'_>) -> io::Result<BTreeMap<TopicPartition, i64>> {
        let mut rest = BTreeMap::new();
        for record in records {
            if self.left == 0 {
                rest.entry(TopicPartition::new(record.topic(), record.partition()))
                    .or_insert(record.offset());
                continue;
            }
            self.format.write(&record, &mut self.out)?;
            self.left -= 1;
            self.progress.record(&record);
        }
        let out = &mut self.out;
        self.progress.aside(|| out.flush())?;
        Ok(rest)
    }
}

/// Ends at Ctrl-C, or when the process is asked to end.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal handler there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
