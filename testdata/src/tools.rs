//! Kafka's own command line tools, run against a cluster, Kafka's or any other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::broker::java;
use crate::error::Doing;
use crate::{Error, Version, jars, workbench};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
/// How long the tool may wait. The five seconds of Kafka 3.9 are too short on a busy machine, and it then prints no offset.
const TOOL_MS: &str = "60000";

/// A line of what `kafka-consumer-groups --describe` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset that the group has committed; None when it has none there.
    pub committed: Option<i64>,
    /// The end of the partition: the offset of the next record to come.
    pub end: i64,
}

/// Kafka's own tools, and a cluster to run them against.
#[derive(Clone, Debug)]
pub struct Tools {
    jars: PathBuf,
    bootstrap: String,
}

impl Tools {
    /// The tools of a version, against the cluster at these addresses.
    pub fn new(version: Version, bootstrap: &str) -> Result<Self, Error> {
        Ok(Tools::with_jars(jars::folder(version)?, bootstrap.to_owned()))
    }

    pub(crate) fn with_jars(jars: PathBuf, bootstrap: String) -> Self {
        Tools { jars, bootstrap }
    }

    /// The addresses of all brokers, with commas between them, as `bootstrap.servers` takes them.
    pub fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// Kafka's jars, as Java's `-cp` takes them.
    pub fn class_path(&self) -> String {
        format!("{}/*", self.jars.display())
    }

    /// The folder with Kafka's jars.
    pub(crate) fn jars(&self) -> &Path {
        &self.jars
    }

    /// A command that runs one of Kafka's main classes, such as `org.apache.kafka.tools.consumer.ConsoleConsumer`.
    ///
    /// Started by [`Process::spawn`](crate::Process::spawn) it ends with this process as the brokers do.
    pub fn java(&self, class: &str) -> Command {
        let mut command = java(self.jars());
        command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", class]);
        command
    }

    /// Runs a tool to its end with `--bootstrap-server` and these arguments, and gives what it printed.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Result<String, Error> {
        let bootstrap = self.bootstrap();
        workbench::run(self.jars(), class, &[&["--bootstrap-server", &bootstrap][..], arguments].concat())
    }

    /// Creates a topic with as many replicas as there are brokers, three at most.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), Error> {
        self.create_topic_with(name, partitions, &[])
    }

    /// The same, with settings such as `("cleanup.policy", "compact")`.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: u32,
        settings: &[(&str, &str)],
    ) -> Result<(), Error> {
        let partitions = partitions.to_string();
        let replicas = self.bootstrap().split(',').count().min(3).to_string();
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments =
            vec!["--create", "--topic", name, "--partitions", &partitions, "--replication-factor", &replicas];
        for setting in &settings {
            arguments.extend(["--config", setting.as_str()]);
        }
        self.tool(TOPICS, &arguments).map(|_| ())
    }

    /// Writes records to all partitions of a topic in turn, with every compression in turn.
    ///
    /// Record `i` goes to partition `i % partitions`, so that its offset there is `i / partitions` in a new topic. Its key is
    /// `key-<i>`, its value `value-<i>`, its timestamp 1700000000000 + i, and it has one header, `n`, with i in decimal.
    /// A hundred records at a time have the same compression: none, gzip, snappy, lz4, zstd.
    pub fn fill(&self, topic: &str, records: u64) -> Result<(), Error> {
        self.fill_with(topic, records, 0, &["none", "gzip", "snappy", "lz4", "zstd"])
    }

    /// The same, with values filled up to a size in bytes, and with these compressions only.
    pub fn fill_with(
        &self,
        topic: &str,
        records: u64,
        value_bytes: usize,
        compressions: &[&str],
    ) -> Result<(), Error> {
        let (records, value_bytes) = (records.to_string(), value_bytes.to_string());
        let arguments = [&self.bootstrap(), topic, &records, &value_bytes, &compressions.join(",")];
        workbench::run(self.jars(), &source("Filler"), &arguments).map(|_| ())
    }

    /// Writes records in a transaction to one partition, with values such as `commit-0`; `end` is `commit`, `abort`, or
    /// `open` for a transaction that stays so for ten minutes. A transaction of the same id that is still open is aborted.
    pub fn transaction(
        &self,
        id: &str,
        topic: &str,
        partition: i32,
        records: u32,
        end: &str,
    ) -> Result<(), Error> {
        let mut command = self.java(&source("Transactor"));
        let (partition, records) = (partition.to_string(), records.to_string());
        command.args([&self.bootstrap(), id, topic, &partition, &records, end]);
        run(&mut command, "Transactor").map(|_| ())
    }

    /// Writes transactions to partition 0 of a topic: how each ends (`commit`, `abort`, or `open` for not yet), and how many
    /// records it has. Key and value of a record begin with the end of its transaction. Each marker takes an offset too.
    pub fn transact(&self, topic: &str, transactions: &[(&str, u64)]) -> Result<(), Error> {
        let mut command = self.java(&source("Transactions"));
        command.args([&self.bootstrap(), topic]);
        command.args(transactions.iter().map(|(end, records)| format!("{end}:{records}")));
        run(&mut command, "Transactions").map(|_| ())
    }

    /// Writes ten records with a long as key and a double as value, the value of the fifth (offset 4) being no double and
    /// that of the sixth null, then one with a list of strings and a UUID: all with Kafka's own serializers, to partition 0.
    pub fn fill_typed(&self, topic: &str) -> Result<(), Error> {
        workbench::run(self.jars(), &source("TypedFiller"), &[&self.bootstrap(), topic]).map(|_| ())
    }

    /// The offsets that a group has committed, by topic and partition.
    pub fn group_offsets(&self, group: &str) -> Result<Vec<GroupOffset>, Error> {
        let table =
            self.tool(GROUPS, &["--describe", "--group", group, "--offsets", "--timeout", TOOL_MS])?;
        Ok(group_offsets(&table))
    }

    /// How many members a group has.
    pub fn members(&self, group: &str) -> Result<usize, Error> {
        let table =
            self.tool(GROUPS, &["--describe", "--group", group, "--members", "--timeout", TOOL_MS])?;
        Ok(table.lines().filter(|line| line.split_whitespace().next() == Some(group)).count())
    }
}

/// Reads the table: a line of headings, then a line for each partition. An offset that is not there is a dash.
fn group_offsets(table: &str) -> Vec<GroupOffset> {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let Some(headings) = lines.find(|line| line.first() == Some(&"GROUP")) else { return Vec::new() };
    let column = |name: &str| headings.iter().position(|heading| *heading == name);
    let row = |line: Vec<&str>| {
        Some(GroupOffset {
            topic: line.get(column("TOPIC")?)?.to_string(),
            partition: line.get(column("PARTITION")?)?.parse().ok()?,
            committed: line.get(column("CURRENT-OFFSET")?)?.parse().ok(),
            end: line.get(column("LOG-END-OFFSET")?)?.parse().ok()?,
        })
    };
    let mut offsets: Vec<GroupOffset> = lines.filter_map(row).collect();
    offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    offsets
}

/// The file of a main class of our own.
fn source(class: &str) -> String {
    crate::folder().join("launcher").join(class).with_extension("java").display().to_string()
}

/// Runs what may not close its producers, and so takes a process of its own.
fn run(command: &mut Command, name: &str) -> Result<String, Error> {
    let out =
        command.stdin(Stdio::null()).output().doing("running java (is a JDK 17 or newer installed?)")?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() {
        return Ok(said);
    }
    let complained = String::from_utf8_lossy(&out.stderr);
    Err(Error::new(format!("{name} failed ({}):\n{said}{complained}", out.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_offsets_is_read_by_its_headings() {
        let table = "\nConsumer group 'g' has no active members.\n\n\
            GROUP  TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID\n\
            g      b      1          -               7               -    -            -     -\n\
            g      a      0          5               9               4    -            -     -\n";
        let offset = |topic: &str, partition, committed, end| GroupOffset {
            topic: topic.into(),
            partition,
            committed,
            end,
        };
        assert_eq!(group_offsets(table), [offset("a", 0, Some(5), 9), offset("b", 1, None, 7)]);
    }
}
