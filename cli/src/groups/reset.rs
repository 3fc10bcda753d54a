//! `milena groups reset`: puts a group elsewhere, as `kafka-consumer-groups --reset-offsets` does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ArgGroup;
use milena_client::{Admin, Error, OffsetAndMetadata, OffsetSpec, Offsets, TopicPartition};
use milena_protocol::ErrorCode;

use crate::brokers::BrokerArgs;
use crate::failure::Failure;
use crate::table::{Table, or_dash};
use crate::time;

#[derive(clap::Args)]
#[command(
    group = ArgGroup::new("which").required(true),
    group = ArgGroup::new("where").required(true),
    after_help = "Without --execute nothing is changed: the table says what would be.\n\
    While the group has members its offsets cannot be set, since they would go on from their own: stop them first.\n\
    An offset before the start or past the end of a partition becomes its start or its end."
)]
pub struct Args {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The group
    #[arg(long, value_name = "G")]
    group: String,

    /// Partitions of a topic, or all of them; may be repeated
    #[arg(long = "topic", value_name = "T[:P,P]", value_parser = Topic::parse, group = "which")]
    topics: Vec<Topic>,

    /// Every partition for which the group has committed an offset
    #[arg(long, group = "which")]
    all_topics: bool,

    /// To the oldest record
    #[arg(long, group = "where")]
    to_earliest: bool,

    /// To the end: only what comes from now on is read
    #[arg(long, group = "where")]
    to_latest: bool,

    /// To what is committed, or to the end where nothing is
    #[arg(long, group = "where")]
    to_current: bool,

    /// To an offset
    #[arg(long, value_name = "N", group = "where", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,

    /// So many offsets on, or back where N is below 0
    #[arg(long, value_name = "N", group = "where", allow_negative_numbers = true)]
    shift_by: Option<i64>,

    /// To the first record that is not older, as in 2026-01-31T13:00:00Z; to the end where there is none
    #[arg(long, value_name = "TIME", group = "where", value_parser = time::point)]
    to_datetime: Option<i64>,

    /// The same for a time that is so long ago, as in P7D, PT1H30M or 1h30m
    #[arg(long, value_name = "DURATION", group = "where", value_parser = time::duration)]
    by_duration: Option<i64>,

    /// Change nothing, as without --execute
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,

    /// Set the offsets
    #[arg(long)]
    execute: bool,
}

/// A topic, and which of its partitions.
#[derive(Clone, Debug, PartialEq)]
struct Topic {
    name: String,
    /// None for all.
    partitions: Option<Vec<i32>>,
}

impl Topic {
    /// `T` or `T:P,P`; no topic's name has a colon.
    fn parse(text: &str) -> Result<Self, String> {
        let Some((name, partitions)) = text.split_once(':') else {
            return Ok(Topic { name: text.to_owned(), partitions: None });
        };
        let number = |text: &str| text.trim().parse().ok().filter(|number: &i32| *number >= 0);
        let partitions: Option<Vec<i32>> = partitions.split(',').map(number).collect();
        let partitions = partitions.ok_or("partitions are written as topic:0,1,2")?;
        Ok(Topic { name: name.to_owned(), partitions: Some(partitions) })
    }
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let mut admin = args.brokers.admin()?;
    refuse_members(&mut admin, &args.group).await?;
    let committed = admin.group_offsets(&args.group).await?;
    let partitions = args.partitions(&mut admin, &committed).await?;
    if partitions.is_empty() {
        return Err(Failure::Other(format!("group {} has committed no offsets; name a --topic", args.group)));
    }
    let new = args.places(&mut admin, &committed, partitions).await?;
    if args.execute {
        let offsets =
            new.iter().map(|(partition, offset)| (partition.clone(), OffsetAndMetadata::new(*offset)));
        let offsets: Offsets = offsets.collect();
        admin
            .alter_group_offsets(&args.group, &offsets)
            .await
            .map_err(|error| Failure::of_group(&args.group, error))?;
    }
    print(&committed, &new)?;
    if !args.execute {
        let _ = writeln!(io::stderr(), "nothing was changed; add --execute to set these offsets");
    }
    Ok(())
}

/// The broker refuses too, but only when it is asked to change something.
async fn refuse_members(admin: &mut Admin, group: &str) -> Result<(), Failure> {
    match admin.describe_group(group).await {
        Ok(description) if description.members.is_empty() => Ok(()),
        Ok(description) => Err(Failure::Other(format!(
            "group {group} has members ({}), which would go on from their own offsets; stop them first: \
             `milena groups describe --group {group} --members` prints them",
            description.members.len()
        ))),
        // Its first offsets make it.
        Err(Error::Broker { code: ErrorCode::GROUP_ID_NOT_FOUND, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn print(committed: &Offsets, new: &BTreeMap<TopicPartition, i64>) -> io::Result<()> {
    let mut table = Table::new(&["TOPIC", ">PARTITION", ">COMMITTED", ">NEW"]);
    for (partition, offset) in new {
        table.row(vec![
            partition.topic.to_string(),
            partition.partition.to_string(),
            or_dash(committed.get(partition).map(|committed| committed.offset)),
            offset.to_string(),
        ]);
    }
    let mut out = io::stdout().lock();
    table.print(&mut out)?;
    out.flush()
}

impl Args {
    async fn partitions(
        &self,
        admin: &mut Admin,
        committed: &Offsets,
    ) -> Result<BTreeSet<TopicPartition>, Failure> {
        if self.all_topics {
            return Ok(committed.keys().cloned().collect());
        }
        let mut partitions = BTreeSet::new();
        for topic in &self.topics {
            let there = match admin.partitions_for(&topic.name).await {
                Err(Error::Broker { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, .. }) => {
                    return Err(Failure::Other(format!("there is no topic {}", topic.name)));
                }
                there => there?,
            };
            let wanted = topic.partitions.as_ref().unwrap_or(&there);
            if let Some(missing) = wanted.iter().find(|partition| !there.contains(partition)) {
                return Err(Failure::Other(format!("topic {} has no partition {missing}", topic.name)));
            }
            partitions.extend(wanted.iter().map(|partition| TopicPartition::new(&topic.name, *partition)));
        }
        Ok(partitions)
    }

    /// Where the group is put in each partition.
    async fn places(
        &self,
        admin: &mut Admin,
        committed: &Offsets,
        partitions: BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
        if let Some(time) = self.time() {
            let mut places = listed(admin, &partitions, OffsetSpec::Timestamp(time)).await?;
            let later = listed(admin, &partitions, OffsetSpec::Latest).await?;
            // Where no record is that young, what comes next will be.
            for (partition, end) in later {
                places.entry(partition).or_insert(end);
            }
            return Ok(places);
        }
        if self.to_earliest {
            return listed(admin, &partitions, OffsetSpec::Earliest).await;
        }
        let ends = listed(admin, &partitions, OffsetSpec::Latest).await?;
        if self.to_latest {
            return Ok(ends);
        }
        let starts = listed(admin, &partitions, OffsetSpec::Earliest).await?;
        let mut places = BTreeMap::new();
        for (partition, end) in ends {
            let current = committed.get(&partition).map(|committed| committed.offset);
            let wanted = match (self.to_offset, self.shift_by, current) {
                (Some(offset), _, _) => offset,
                (_, Some(shift), Some(current)) => current.saturating_add(shift),
                (_, Some(_), None) => {
                    let cause =
                        format!("{partition} cannot be shifted: the group has committed nothing there");
                    return Err(Failure::Other(cause));
                }
                (None, None, current) => current.unwrap_or(end),
            };
            let start = starts.get(&partition).copied().unwrap_or(0);
            let offset = within(wanted, start, end);
            if offset != wanted {
                let cause =
                    format!("{partition} has the offsets {start} to {end}; {wanted} becomes {offset}");
                let _ = writeln!(io::stderr(), "milena: {cause}");
            }
            places.insert(partition, offset);
        }
        Ok(places)
    }

    /// In milliseconds since 1970, where the new place is a time.
    fn time(&self) -> Option<i64> {
        let ago = |ago: i64| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(ago)
        };
        // What is before 1970 has other meanings on the wire.
        self.to_datetime.or(self.by_duration.map(ago)).map(|time| time.max(0))
    }
}

fn within(offset: i64, start: i64, end: i64) -> i64 {
    offset.min(end).max(start)
}

/// The offsets of all partitions, those left out where there is none for a time.
async fn listed(
    admin: &mut Admin,
    partitions: &BTreeSet<TopicPartition>,
    spec: OffsetSpec,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let wanted = partitions.iter().map(|partition| (partition.clone(), spec));
    let mut offsets = BTreeMap::new();
    for (partition, offset) in admin.list_offsets(wanted).await? {
        let offset = offset.map_err(|code| Failure::Other(format!("{partition}: {code}")))?;
        offsets.extend(offset.map(|offset| (partition, offset)));
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_comes_with_some_partitions_or_with_all() {
        let topic = |partitions| Ok(Topic { name: "t".to_owned(), partitions });
        assert_eq!(Topic::parse("t"), topic(None));
        assert_eq!(Topic::parse("t:0"), topic(Some(vec![0])));
        assert_eq!(Topic::parse("t:3,1"), topic(Some(vec![3, 1])));
        for bad in ["t:", "t:x", "t:1,,2", "t:-1"] {
            assert!(Topic::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_offset_outside_of_the_partition_becomes_the_nearest_inside() {
        assert_eq!([5, 10, 15, 20, 25].map(|offset| within(offset, 10, 20)), [10, 10, 15, 20, 20]);
    }
}
