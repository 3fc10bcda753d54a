//! `milena lag`: how far a group is behind in each partition, once or as a table that stays up to date.

pub mod sample;
mod view;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use milena_client::{Admin, TopicPartition};
use serde_json::Value;

use crate::brokers::BrokerArgs;
use crate::failure::Failure;
use crate::interrupt::stop_signal;
use crate::rates::Rates;
use crate::screen::Screen;
use sample::Sample;

/// Commits come every few seconds (`auto.commit.interval.ms`); between two of them, nothing seems to happen.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The group
    #[arg(long, value_name = "G")]
    group: String,

    /// Go on until Ctrl-C: draw the table again each second, or print more lines where the output is no terminal
    #[arg(long)]
    watch: bool,

    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), requires = "watch")]
    interval: u64,

    /// Print a JSON object for each partition
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
COMMITTED is the offset of the next record to read, END that of the next record to come, LAG the difference; a dash where
one of them is not known. BEHIND compares the partitions with each other. PER SECOND is how fast the committed offset went
on in the last ten seconds. With -X isolation.level=read_committed, END is the first offset of an open transaction.";

pub fn run(args: Args) -> Result<(), Failure> {
    crate::brokers::block_on(async {
        let mut admin = args.brokers.admin()?;
        if args.watch { watch(&args, &mut admin).await } else { once(&args, &mut admin).await }
    })
}

async fn once(args: &Args, admin: &mut Admin) -> Result<(), Failure> {
    let sample = Sample::take(admin, &args.group).await.map_err(|e| Failure::of_group(&args.group, e))?;
    let mut out = io::stdout().lock();
    if args.json {
        sample.json().try_for_each(|partition| writeln!(out, "{partition}"))?;
    } else {
        view::lines(&sample, None).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(out.flush()?)
}

async fn watch(args: &Args, admin: &mut Admin) -> Result<(), Failure> {
    let mut watched = Watched { screen: Screen::new(), table: Vec::new() };
    let (mut rates, mut is_first) = (Rates::over(WINDOW), true);
    let mut ticks = tokio::time::interval(Duration::from_secs(args.interval));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        let sample = tokio::select! {
            () = &mut stop => return Ok(()),
            sample = async {
                ticks.tick().await;
                Sample::take(admin, &args.group).await
            } => sample,
        };
        match sample {
            Ok(sample) => {
                rates.note(sample.committed(), Instant::now());
                watched.show(args, &sample, &rates)?;
            }
            // What may pass is told, and looked at again; but not before it has worked once.
            Err(error) if error.is_retriable() && !is_first => watched.trouble(&error.to_string())?,
            Err(error) => return Err(Failure::of_group(&args.group, error)),
        }
        is_first = false;
    }
}

/// Where samples are shown: a terminal, on which each takes the place of the one before, or a stream of lines.
struct Watched {
    screen: Screen,
    /// The last sample.
    table: Vec<String>,
}

impl Watched {
    fn show(&mut self, args: &Args, sample: &Sample, rates: &Rates<TopicPartition>) -> io::Result<()> {
        if args.json {
            let time = now();
            let line = |mut partition: Value| {
                partition["time"] = time.as_str().into();
                partition.to_string()
            };
            let lines: Vec<String> = sample.json().map(line).collect();
            self.screen.print(&lines)
        } else if self.screen.is_terminal() {
            self.table = view::lines(sample, Some(rates));
            self.screen.draw(self.table.clone())
        } else {
            self.screen.print(&[now()])?;
            self.screen.print(&view::lines(sample, Some(rates)))
        }
    }

    /// Says what went wrong: above the table as it was, so that it stays on the screen.
    fn trouble(&mut self, trouble: &str) -> io::Result<()> {
        if self.screen.has_drawn() {
            let above = format!("{}: {trouble}", now());
            self.screen.draw(std::iter::once(above).chain(self.table.iter().cloned()).collect())
        } else {
            writeln!(io::stderr(), "milena: {trouble}")
        }
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
