//! Kafka's `VerifiableConsumer` (org.apache.kafka.tools) with milena's consumer: the same options, the same events.
//!
//! An event is a line of JSON: `startup_complete`, `partitions_assigned`, `partitions_revoked`, `record_data` (with
//! `--verbose`), `records_consumed`, `offsets_committed` (unless commits are automatic), `shutdown_requested`,
//! `shutdown_complete`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use milena_client::{
    Config, ConfigError, Consumer, ConsumerHandle, Error, OffsetAndMetadata, Offsets, RebalanceListener,
    Record, Records, TopicPartition,
};
use serde_json::{Value, json};

/// How long a poll waits for records before it begins anew.
const POLL: Duration = Duration::from_secs(3600);
/// How long the last commit and the goodbye to the group may take, as in Java.
const CLOSE: Duration = Duration::from_secs(30);

/// Consumes messages from a topic, and writes what happens as JSON objects to standard output
#[derive(Clone, Debug, clap::Parser)]
pub struct Options {
    /// The brokers to begin with
    #[arg(long, value_name = "HOST1:PORT1[,HOST2:PORT2[...]]")]
    pub bootstrap_server: String,

    /// Consumes messages from this topic
    #[arg(long)]
    pub topic: String,

    /// The group protocol: classic or consumer
    #[arg(long, default_value = "classic")]
    pub group_protocol: String,

    /// How the broker shares out partitions; for the group protocol consumer
    #[arg(long, value_name = "ASSIGNOR")]
    pub group_remote_assignor: Option<String>,

    /// The group id of the consumer group
    #[arg(long)]
    pub group_id: String,

    /// A unique identifier of the consumer instance
    #[arg(long)]
    pub group_instance_id: Option<String>,

    /// Consume this many messages; -1: until the process is killed
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub max_messages: i64,

    /// The consumer's session timeout; for the group protocol classic
    #[arg(long, value_name = "TIMEOUT-MS")]
    pub session_timeout: Option<u32>,

    /// Write an event for each record
    #[arg(long)]
    pub verbose: bool,

    /// Commit offsets automatically
    #[arg(long)]
    pub enable_autocommit: bool,

    /// Where to begin without a committed offset: earliest, latest, none
    #[arg(long, default_value = "earliest")]
    pub reset_policy: String,

    /// How partitions are shared out; for the group protocol classic
    #[arg(long, default_value = "org.apache.kafka.clients.consumer.RangeAssignor")]
    pub assignment_strategy: String,

    /// A file of properties; options have the last word
    #[arg(long, alias = "consumer.config", value_name = "CONFIG-FILE")]
    pub command_config: Option<PathBuf>,
}

impl Options {
    /// The consumer's configuration.
    pub fn config(&self) -> Result<Config, Box<dyn std::error::Error>> {
        let file = self.command_config.as_ref().map(fs::read_to_string).transpose()?.unwrap_or_default();
        let mut properties: Vec<(&str, &str)> = file.lines().filter_map(property).collect();
        let session_timeout = self.session_timeout.map(|ms| ms.to_string());
        let enable_autocommit = self.enable_autocommit.to_string();
        let is_classic = !self.group_protocol.eq_ignore_ascii_case("consumer");
        let options = [
            ("bootstrap.servers", Some(&self.bootstrap_server)),
            ("group.id", Some(&self.group_id)),
            ("group.protocol", Some(&self.group_protocol)),
            ("group.remote.assignor", self.group_remote_assignor.as_ref().filter(|_| !is_classic)),
            ("partition.assignment.strategy", Some(&self.assignment_strategy).filter(|_| is_classic)),
            ("session.timeout.ms", session_timeout.as_ref()),
            ("group.instance.id", self.group_instance_id.as_ref()),
            ("enable.auto.commit", Some(&enable_autocommit)),
            ("auto.offset.reset", Some(&self.reset_policy)),
        ];
        properties.extend(options.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.as_str()))));
        // A name that is there twice has its last value.
        Ok(Config::from_properties(properties).map_err(|e: ConfigError| e.to_string())?)
    }
}

/// `name=value` of a properties file; `None` for comments and empty lines.
fn property(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let is_comment = line.is_empty() || line.starts_with(['#', '!']);
    let (name, value) = line.split_once('=').filter(|_| !is_comment)?;
    Some((name.trim(), value.trim()))
}

/// Consumes until `--max-messages` have come, `stop` is over, or something goes wrong.
pub async fn run(
    options: &Options,
    out: impl Write + Send + 'static,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut consumer = Consumer::new(options.config()?)?;
    let events = Events(Arc::new(Mutex::new(out)));
    let (wakeup, stopping) = (consumer.wakeup(), events.clone());
    let stop = tokio::spawn(async move {
        stop.await;
        stopping.write("shutdown_requested", json!({}));
        wakeup.wakeup();
    });
    events.write("startup_complete", json!({}));
    let outcome = consume(options, &mut consumer, &events).await;
    stop.abort();
    let closed = consumer.close(CLOSE).await;
    events.write("shutdown_complete", json!({}));
    match outcome {
        Err(Error::Wakeup) => Ok(closed?),
        outcome => Ok(outcome.and(closed)?),
    }
}

async fn consume<W: Write + Send + 'static>(
    options: &Options,
    consumer: &mut Consumer,
    events: &Events<W>,
) -> Result<(), Error> {
    consumer.subscribe_with([&options.topic], events.clone()).await?;
    let mut left = usize::try_from(options.max_messages).unwrap_or(usize::MAX);
    while left > 0 {
        let records = consumer.poll(POLL).await?;
        let offsets = received(&records, &mut left, options.verbose, events);
        if !options.enable_autocommit {
            match consumer.commit_sync_offsets(offsets.clone()).await {
                Err(Error::Fenced) => return Err(Error::Fenced),
                outcome => events.committed(&offsets, outcome),
            }
        }
        for notice in consumer.notices() {
            eprintln!("{} {} {notice}", now_ms(), options.group_id);
        }
    }
    Ok(())
}

/// Tells what was consumed, and gives back what is to be committed.
fn received(
    records: &Records<'_>,
    left: &mut usize,
    is_verbose: bool,
    events: &Events<impl Write>,
) -> Offsets {
    let mut by_partition: BTreeMap<TopicPartition, Vec<Record<'_>>> = BTreeMap::new();
    for record in records {
        let partition = TopicPartition::new(record.topic(), record.partition());
        by_partition.entry(partition).or_default().push(record);
    }
    let (mut offsets, mut summaries) = (Offsets::new(), Vec::new());
    for (partition, records) in by_partition {
        let records = &records[..records.len().min(*left)];
        let (Some(first), Some(last)) = (records.first(), records.last()) else { break };
        offsets.insert(partition.clone(), OffsetAndMetadata::new(last.offset() + 1));
        summaries.push(json!({
            "topic": partition.topic.as_str(), "partition": partition.partition, "count": records.len(),
            "minOffset": first.offset(), "maxOffset": last.offset(),
        }));
        if is_verbose {
            records.iter().for_each(|record| events.record(record));
        }
        *left -= records.len();
    }
    events.write("records_consumed", json!({"count": records.len(), "partitions": summaries}));
    offsets
}

/// Writes events, those that the consumer has as its rebalance listener among them.
struct Events<W>(Arc<Mutex<W>>);

impl<W> Clone for Events<W> {
    fn clone(&self) -> Self {
        Events(self.0.clone())
    }
}

impl<W: Write> Events<W> {
    fn write(&self, name: &str, rest: Value) {
        let mut event = json!({"timestamp": now_ms(), "name": name});
        if let (Some(event), Value::Object(rest)) = (event.as_object_mut(), rest) {
            event.extend(rest);
        }
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writeln!(out, "{event}").is_err() {
            // Whoever listened is gone, and nobody would ever end this process.
            std::process::exit(1);
        }
    }

    fn record(&self, record: &Record<'_>) {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (key, value) = (text(record.key()), text(record.value()));
        let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
        let rest =
            json!({"key": key, "value": value, "topic": topic, "partition": partition, "offset": offset});
        self.write("record_data", rest);
    }

    fn partitions(&self, name: &str, partitions: &[TopicPartition]) -> Result<(), Error> {
        let partition = |of: &TopicPartition| json!({"topic": of.topic.as_str(), "partition": of.partition});
        let partitions: Vec<Value> = partitions.iter().map(partition).collect();
        self.write(name, json!({"partitions": partitions}));
        Ok(())
    }

    fn committed(&self, offsets: &Offsets, outcome: Result<(), Error>) {
        let offset = |(of, committed): (&TopicPartition, &OffsetAndMetadata)| json!({"topic": of.topic.as_str(), "partition": of.partition, "offset": committed.offset});
        let offsets: Vec<Value> = offsets.iter().map(offset).collect();
        let rest = match outcome {
            Ok(()) => json!({"offsets": offsets, "success": true}),
            Err(error) => json!({"offsets": offsets, "error": error.to_string(), "success": false}),
        };
        self.write("offsets_committed", rest);
    }
}

impl<W: Write + Send + 'static> RebalanceListener for Events<W> {
    async fn on_partitions_assigned(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.partitions("partitions_assigned", partitions)
    }

    async fn on_partitions_revoked(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.partitions("partitions_revoked", partitions)
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
