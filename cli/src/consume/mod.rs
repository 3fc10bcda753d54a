//! `milena consume`: the records of topics, as a member of a group.
//!
//! A record counts as read when its line has been written and flushed: a poll comes only after that, and it is polls
//! that commit what came before them. So a process that is killed repeats lines, and never loses one.

mod assign;
mod ends;
mod format;
mod headers;
mod payload;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use clap::ArgGroup;
use milena_client::{Config, Consumer, Error, Notice, Records, TopicPartition};

use crate::brokers::{BrokerArgs, block_on};
use crate::failure::Failure;
use crate::interrupt::stop_signal;
use assign::{Assignment, Place, assign};
use ends::Ends;
use format::{Format, NotPrinted, Printer};
use headers::HeaderFilter;
use payload::PayloadType;
use progress::Progress;

/// How long a poll waits for records before the loop looks around.
const POLL: Duration = Duration::from_millis(500);

/// How long the last commit and the goodbye to the group may take.
const CLOSE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
#[command(group = ArgGroup::new("what").required(true), after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The topics; may be repeated
    #[arg(
        long = "topic",
        value_name = "T[,T]",
        value_delimiter = ',',
        group = "what",
        help_heading = READING
    )]
    topics: Vec<String>,

    /// All topics whose whole name matches a regular expression, those that come later too
    #[arg(long, value_name = "REGEX", group = "what", help_heading = READING)]
    pattern: Option<String>,

    /// A partition of a topic, or all, without sharing them in a group; may be repeated
    #[arg(
        long = "assign",
        value_name = "T[:P[:PLACE]]",
        value_parser = Assignment::parse,
        group = "what",
        help_heading = READING
    )]
    assign: Vec<Assignment>,

    /// With --assign, where to begin in partitions without a PLACE of their own; see below
    #[arg(
        long,
        value_name = "PLACE",
        value_parser = Place::parse,
        conflicts_with = "from_beginning",
        allow_hyphen_values = true,
        help_heading = READING
    )]
    offset: Option<Place>,

    /// The group: its members share the partitions, and it remembers what was read. Not needed with --assign
    #[arg(long, value_name = "G", help_heading = READING)]
    group: Option<String>,

    /// Begin with the oldest record where the group has read nothing yet, instead of with the next new one
    #[arg(long, help_heading = READING)]
    from_beginning: bool,

    /// End when N records have been printed
    #[arg(long, value_name = "N", help_heading = READING)]
    max_messages: Option<u64>,

    /// End when everything has been read that is there
    #[arg(long, help_heading = READING)]
    exit_at_end: bool,

    /// Say on standard error when a partition has been read to its end
    #[arg(long, help_heading = READING)]
    partition_eof: bool,

    /// How to print a record: json, text, raw, or a template with placeholders; see below
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "json",
        value_parser = Format::parse,
        help_heading = PRINTING
    )]
    format: Format,

    /// What a key is: a TYPE as of --value-format
    #[arg(
        long,
        value_name = "TYPE",
        value_enum,
        default_value_t = PayloadType::Bytes,
        hide_possible_values = true,
        help_heading = PRINTING
    )]
    key_format: PayloadType,

    /// What a value is; a record with another is told on standard error, and not printed
    #[arg(
        long,
        value_name = "TYPE",
        value_enum,
        default_value_t = PayloadType::Bytes,
        help_heading = PRINTING
    )]
    value_format: PayloadType,

    /// Print only records with this header, of this value if one is given; repeated, with all of them
    #[arg(
        long = "header",
        value_name = "NAME[=VALUE]",
        value_parser = HeaderFilter::parse,
        help_heading = PRINTING
    )]
    headers: Vec<HeaderFilter>,
}

const READING: &str = "What to read";
const PRINTING: &str = "What to print";

const AFTER_HELP: &str = "\
Places:
  beginning, end   the oldest record that is there, or the next to come
  N, -N            an offset, or N before the end
  @TIME            the first record that is not older, as in @2026-01-31T13:00:00Z or, in milliseconds, @1769864400000
  Without one, reading begins where the --group has left off, or else at the end; with --from-beginning, at the
  oldest record.

Formats:
  json   one JSON object a line
  text   the value as text, and the end of a line
  raw    the bytes of the value, and nothing between two of them
  A template is printed as it stands, but for
    %t  topic        %k  key                              %K  length of the key in bytes, -1 for null
    %p  partition    %s  value                            %S  length of the value, likewise
    %o  offset       %h  headers: name=value,name=value   %R  the same as 4 bytes, big endian
    %T  timestamp, in milliseconds since 1970             %%  a percent sign
    \\n  \\r  \\t  \\\\  \\xNN  the end of a line, ..., the byte with these hexadecimal digits
  as in --format '%t [%p] at %o: %k = %s\\n'

Ctrl-C commits what was written, leaves the group and ends with exit code 0. Records that --header leaves out
count as read. Exit code 1 says that something failed, or that a record was no --key-format or --value-format.";

pub fn run(args: Args) -> Result<(), Failure> {
    let config = config(&args).unwrap_or_else(|problem| crate::usage(problem));
    if args.max_messages == Some(0) {
        return Ok(());
    }
    block_on(consume(args, config))
}

fn config(args: &Args) -> Result<Config, String> {
    let mut options = Vec::new();
    if let Some(group) = &args.group {
        options.push(("group.id", group.as_str()));
    }
    if args.from_beginning {
        options.push(("auto.offset.reset", "earliest"));
    }
    let config = args.brokers.config(&options)?;
    if args.assign.is_empty() && args.offset.is_some() {
        return Err("--offset goes with --assign; where a group begins, --from-beginning says, and \
                    `milena groups reset` changes"
            .to_owned());
    }
    if args.assign.is_empty() && config.get("group.id").is_none_or(|group| group.is_empty()) {
        return Err("--group is missing: its members share the partitions of the topics; \
                    to read without a group, use --assign T in place of --topic T"
            .to_owned());
    }
    Ok(config)
}

/// Says what is to be read.
async fn choose(args: &Args, consumer: &mut Consumer) -> Result<(), Failure> {
    let chosen = match &args.pattern {
        Some(pattern) => consumer.subscribe_pattern(pattern).await,
        None if !args.assign.is_empty() => return assign(consumer, &args.assign, args.offset).await,
        None => consumer.subscribe(&args.topics).await,
    };
    match chosen {
        Err(problem @ Error::Pattern(_)) => crate::usage(problem),
        chosen => Ok(chosen?),
    }
}

async fn consume(args: Args, config: Config) -> Result<(), Failure> {
    let mut consumer = match Consumer::new(config) {
        Err(Error::Config(problem)) => crate::usage(problem),
        consumer => consumer?,
    };
    choose(&args, &mut consumer).await?;
    let mut output = Output {
        out: BufWriter::with_capacity(1 << 20, io::stdout()),
        printer: Printer { format: args.format, key: args.key_format, value: args.value_format },
        headers: args.headers,
        left: args.max_messages.unwrap_or(u64::MAX),
        mismatches: 0,
        progress: Progress::new(),
    };
    let mut ends = args.partition_eof.then(Ends::default);
    for topic in missing(&mut consumer, &args.topics).await? {
        if args.exit_at_end {
            return Err(Failure::Other(format!("there is no topic {topic}")));
        }
        output.progress.tell(format!("milena: there is no topic {topic} yet; waiting for it"));
    }

    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        let records = tokio::select! {
            () = &mut stop => break,
            records = consumer.poll(POLL) => records?,
        };
        if let Some(ends) = &mut ends {
            ends.left(&records.partitions());
        }
        // A failure to write leaves by `?`, and the consumer without a commit.
        let rest = output.print(&records)?;
        for (partition, offset) in rest {
            consumer.seek(&partition, offset).await?;
        }
        for notice in consumer.notices() {
            match notice {
                // What is not printed for it, or is printed twice.
                Notice::Fetch(_) | Notice::CommitFailed(_) => {
                    output.progress.tell(format!("milena: {notice}"))
                }
                notice => output.progress.say(notice.to_string()),
            }
        }
        if output.left == 0 {
            break;
        }
        if args.exit_at_end || ends.is_some() || output.progress.is_due() {
            let lags = consumer.lags().await?;
            for partition in ends.iter_mut().flat_map(|ends| ends.reached(&lags)) {
                let offset = consumer.position(&partition).await?;
                let (topic, partition) = (&partition.topic, partition.partition);
                output.progress.tell(format!("reached end of {topic} [{partition}] at offset {offset}"));
            }
            let lag = total(&lags);
            output.progress.lag(lag);
            if args.exit_at_end && lag == Some(0) {
                break;
            }
        }
    }
    output.progress.finish();
    consumer.close(CLOSE).await?;
    output.end()
}

/// Those of the topics that do not exist.
async fn missing<'a>(consumer: &mut Consumer, topics: &'a [String]) -> Result<Vec<&'a str>, Error> {
    let mut missing = Vec::new();
    for topic in topics {
        if consumer.partitions_for(topic).await?.is_empty() {
            missing.push(topic.as_str());
        }
    }
    Ok(missing)
}

/// How much is left to read; None until that is known of every partition, and without a partition.
fn total(lags: &BTreeMap<TopicPartition, Option<i64>>) -> Option<i64> {
    if lags.is_empty() { None } else { lags.values().copied().sum() }
}

struct Output {
    out: BufWriter<io::Stdout>,
    printer: Printer,
    headers: Vec<HeaderFilter>,
    /// How many more records are wanted.
    left: u64,
    /// How many records were not of the types that were asked for.
    mismatches: u64,
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
            self.progress.record(&record);
            if !self.headers.iter().all(|header| header.matches(&record)) {
                continue;
            }
            match self.printer.print(&record, &mut self.out) {
                Ok(()) => self.left -= 1,
                Err(NotPrinted::Output(error)) => return Err(error),
                Err(NotPrinted::Mismatch(cause)) => {
                    self.mismatches += 1;
                    self.progress.tell(format!("milena: {cause}"));
                }
            }
        }
        let out = &mut self.out;
        self.progress.aside(|| out.flush())?;
        Ok(rest)
    }

    /// What is to be said when all has been read.
    fn end(&self) -> Result<(), Failure> {
        match self.mismatches {
            0 => Ok(()),
            1 => Err(Failure::Other("1 record was not printed".to_owned())),
            more => Err(Failure::Other(format!("{more} records were not printed"))),
        }
    }
}
