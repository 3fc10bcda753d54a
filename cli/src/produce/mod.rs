//! `milena produce`: what standard input says, into a topic.
//!
//! Lines are read no faster than they can be delivered. What is not delivered is told with the number of its line.

mod input;
mod json;
mod progress;
mod record;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use milena_client::{Error, Producer, ProducerConfig};

use crate::brokers::{BrokerArgs, block_on};
use crate::failure::Failure;
use crate::interrupt::stop_signal;
use input::{Line, Parser, lines};
use progress::Progress;

/// How long the last records may take on their way.
const CLOSE: Duration = Duration::from_secs(150);
/// So many failures are told one by one.
const TOLD: u64 = 20;

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The topic; with --format json each record may name its own
    #[arg(long, value_name = "T", help_heading = WRITING)]
    topic: Option<String>,

    /// The partition of all records; without it the key decides, or the load where there is no key
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(i32).range(0..), help_heading = WRITING)]
    partition: Option<i32>,

    /// A header of all records; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header, help_heading = WRITING)]
    headers: Vec<(String, String)>,

    /// How batches are compressed: none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC", help_heading = WRITING)]
    compression: Option<String>,

    /// Who must have a record before it counts as delivered: 0, 1 or all
    #[arg(long, value_name = "ACKS", allow_hyphen_values = true, help_heading = WRITING)]
    acks: Option<String>,

    /// What a line is: the value as text, or the JSON that `milena consume` prints
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text, help_heading = READING)]
    format: Format,

    /// Where the key ends and the value begins; \t is a tab. Without it lines are values
    #[arg(long, value_name = "TEXT", help_heading = READING)]
    key_separator: Option<String>,

    /// What stands for null, as key or as value
    #[arg(long, value_name = "TEXT", help_heading = READING)]
    null_marker: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

const WRITING: &str = "What to write";
const READING: &str = "What to read";

const AFTER_HELP: &str = "\
JSON:
  One object a line, as `milena consume` prints it: {\"key\":...,\"value\":...,\"headers\":[[\"name\",\"value\"]],
  \"partition\":0,\"timestamp\":1700000000000,\"topic\":...}; all may be missing. A key or value is a string, null,
  {\"base64\":\"...\"} for bytes, or other JSON, which is written as it stands. \"offset\" and \"timestampType\" count for
  nothing. --topic and --partition go before what a line says.

Ctrl-C reads no further, delivers what was read, and ends with exit code 0 if that went well. Exit code 1 says that a
line could not be understood, or a record was not delivered; which ones, standard error says.";

/// `NAME=VALUE`
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a header is written as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub fn run(args: Args) -> Result<(), Failure> {
    let mut options = Vec::new();
    options.extend(args.compression.as_deref().map(|codec| ("compression.type", codec)));
    options.extend(args.acks.as_deref().map(|acks| ("acks", acks)));
    let config = args.brokers.producer_config(&options).unwrap_or_else(|problem| crate::usage(problem));
    if args.format == Format::Text && args.topic.is_none() {
        crate::usage("--topic is missing; only with --format json can each record name its own");
    }
    if args.format == Format::Json && (args.key_separator.is_some() || args.null_marker.is_some()) {
        crate::usage(
            "--key-separator and --null-marker go with --format text; JSON has keys and null of its own",
        );
    }
    let separator = args.key_separator.map(|text| text.replace("\\t", "\t").into_bytes());
    if separator.as_ref().is_some_and(Vec::is_empty) {
        crate::usage("--key-separator is empty");
    }
    let parser = Parser {
        is_json: args.format == Format::Json,
        topic: args.topic,
        partition: args.partition,
        headers: args.headers,
        separator,
        null_marker: args.null_marker.map(String::into_bytes),
    };
    block_on(produce(parser, config))
}

/// What has become of the lines, as the producer's task and the reader count it.
struct Tally {
    progress: Progress,
    failed: u64,
}

impl Tally {
    fn failed(&mut self, line: u64, cause: impl std::fmt::Display) {
        self.failed += 1;
        if self.failed <= TOLD {
            self.progress.tell(format!("milena: line {line}: {cause}"));
        } else if self.failed == TOLD + 1 {
            self.progress.tell("milena: more lines failed; they are counted, and not told");
        }
    }
}

async fn produce(parser: Parser, config: ProducerConfig) -> Result<(), Failure> {
    let producer = match Producer::new(config) {
        Err(Error::Config(problem)) => crate::usage(problem),
        producer => producer?,
    };
    let tally = Arc::new(Mutex::new(Tally { progress: Progress::new(), failed: 0 }));
    let mut lines = lines();
    let stop = stop_signal();
    tokio::pin!(stop);
    let mut input_failed = None;
    loop {
        let line = tokio::select! {
            () = &mut stop => break,
            line = lines.recv() => line,
        };
        match line {
            None => break,
            Some(Err(cause)) => {
                input_failed = Some(cause);
                break;
            }
            Some(Ok(line)) => {
                let is_stopped = tokio::select! {
                    () = &mut stop => true,
                    () = has_room(&producer) => false,
                };
                send(&producer, &parser, &line, &tally);
                if is_stopped {
                    break;
                }
            }
        }
    }
    let closed = producer.close(CLOSE).await;
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.progress.finish();
    if let Some(cause) = input_failed {
        return Err(cause);
    }
    match tally.failed {
        0 => Ok(closed?),
        1 => Err(Failure::Other("1 record was not delivered".to_owned())),
        more => Err(Failure::Other(format!("{more} records were not delivered"))),
    }
}

/// Until there is room. Where there is none for long, the record says so itself.
async fn has_room(producer: &Producer) {
    let _ = producer.ready().await;
}

fn send(producer: &Producer, parser: &Parser, line: &Line, tally: &Arc<Mutex<Tally>>) {
    let number = line.number;
    let record = match parser.parse(line) {
        Ok(record) => record,
        Err(cause) => return tally.lock().unwrap_or_else(PoisonError::into_inner).failed(number, cause),
    };
    let bytes = record.bytes();
    let tally = Arc::clone(tally);
    producer.send_with(record.as_record(), move |sent| {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Ok(_) => tally.progress.delivered(bytes),
            Err(cause) => tally.failed(number, cause),
        }
    });
}
