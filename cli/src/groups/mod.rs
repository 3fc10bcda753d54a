//! `milena groups`: which groups there are, who is in them, where they are; and to put them elsewhere.

mod reset;

use std::io::{self, Write};

use milena_client::{GroupDescription, TopicPartition};
use serde_json::json;

use crate::brokers::{BrokerArgs, block_on};
use crate::failure::Failure;
use crate::lag::{self, sample::Sample};
use crate::table::{Table, or_dash};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print all groups of the cluster
    List(ListArgs),
    /// Print groups, their members, and where they are in each partition
    Describe(DescribeArgs),
    /// Show how far a group is behind, as `milena lag` does
    Lag(lag::Args),
    /// Set the offsets of a group that has no members
    Reset(reset::Args),
    /// Delete groups that have no members, and their offsets
    Delete(DeleteArgs),
}

#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// Print a JSON object for each group
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The group; may be repeated
    #[arg(long = "group", value_name = "G", required_unless_present = "all_groups")]
    groups: Vec<String>,

    /// Every group of consumers
    #[arg(long, conflicts_with = "groups")]
    all_groups: bool,

    /// Print what each member has, in place of where the group is
    #[arg(long)]
    members: bool,

    /// Print a JSON object for each partition, or for each member
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    brokers: BrokerArgs,

    /// The group; may be repeated
    #[arg(long = "group", value_name = "G", required = true)]
    groups: Vec<String>,
}

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => block_on(list(args)),
        Command::Describe(args) => block_on(describe(args)),
        Command::Lag(args) => lag::run(args),
        Command::Reset(args) => block_on(reset::run(args)),
        Command::Delete(args) => block_on(delete(args)),
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let groups = args.brokers.admin()?.list_groups().await?;
    let mut out = io::stdout().lock();
    if args.json {
        for group in groups {
            let group = json!({
                "group": group.group_id,
                "type": group.group_type,
                "state": group.state,
                "protocolType": group.protocol_type,
            });
            writeln!(out, "{group}")?;
        }
    } else {
        let mut table = Table::new(&["GROUP", "TYPE", "STATE", "PROTOCOL TYPE"]);
        for group in groups {
            let protocol_type = Some(group.protocol_type).filter(|name| !name.is_empty());
            table.row(vec![
                group.group_id,
                or_dash(group.group_type),
                or_dash(group.state),
                or_dash(protocol_type),
            ]);
        }
        table.print(&mut out)?;
    }
    Ok(out.flush()?)
}

async fn describe(args: DescribeArgs) -> Result<(), Failure> {
    let mut admin = args.brokers.admin()?;
    let mut groups = args.groups;
    if args.all_groups {
        let listed = admin.list_groups().await?;
        let of_consumers = listed.into_iter().filter(|group| {
            // A group without members has forgotten what it was for.
            matches!(group.protocol_type.as_str(), "consumer" | "")
                && matches!(group.group_type.as_deref(), None | Some("classic" | "consumer"))
        });
        groups = of_consumers.map(|group| group.group_id).collect();
    }
    let mut out = io::stdout().lock();
    for (n, group) in groups.iter().enumerate() {
        let sample =
            Sample::take(&mut admin, group).await.map_err(|error| Failure::of_group(group, error))?;
        match (args.members, args.json) {
            (false, false) => offsets(&sample, &mut out, n > 0)?,
            (false, true) => sample.json().try_for_each(|partition| writeln!(out, "{partition}"))?,
            (true, false) => members(&sample, &mut out, n > 0)?,
            (true, true) => members_json(&sample.group, &mut out)?,
        }
    }
    Ok(out.flush()?)
}

fn heading(sample: &Sample, out: &mut impl Write, is_next: bool) -> io::Result<()> {
    if is_next {
        writeln!(out)?;
    }
    writeln!(out, "{}, coordinator {}", sample.summary(), sample.group.coordinator)
}

fn offsets(sample: &Sample, out: &mut impl Write, is_next: bool) -> io::Result<()> {
    heading(sample, out, is_next)?;
    let headings = ["TOPIC", ">PARTITION", ">COMMITTED", ">END", ">LAG", "CLIENT", "HOST", "MEMBER"];
    let mut table = Table::new(&headings);
    for partition in &sample.partitions {
        let owner = sample.owner(partition);
        table.row(vec![
            partition.partition.topic.to_string(),
            partition.partition.partition.to_string(),
            or_dash(partition.committed),
            or_dash(partition.end),
            or_dash(partition.lag()),
            or_dash(owner.map(|member| &member.client_id)),
            or_dash(owner.map(|member| &member.host)),
            or_dash(owner.map(|member| &member.member_id)),
        ]);
    }
    for member in sample.idle() {
        let mut row = vec!["-".to_owned(); 5];
        row.extend([&member.client_id, &member.host, &member.member_id].map(String::clone));
        table.row(row);
    }
    table.print(out)
}

fn members(sample: &Sample, out: &mut impl Write, is_next: bool) -> io::Result<()> {
    heading(sample, out, is_next)?;
    let mut table = Table::new(&["MEMBER", "INSTANCE", "CLIENT", "HOST", ">COUNT", "PARTITIONS"]);
    for member in &sample.group.members {
        table.row(vec![
            member.member_id.clone(),
            or_dash(member.instance_id.as_ref()),
            member.client_id.clone(),
            member.host.clone(),
            member.assignment.len().to_string(),
            or_dash(Some(by_topic(member.assignment.iter())).filter(|text| !text.is_empty())),
        ]);
    }
    table.print(out)
}

fn members_json(group: &GroupDescription, out: &mut impl Write) -> io::Result<()> {
    for member in &group.members {
        let partitions = member.assignment.iter();
        let partitions: Vec<_> = partitions.map(|p| json!([p.topic.as_str(), p.partition])).collect();
        let member = json!({
            "group": group.group_id,
            "member": member.member_id,
            "instance": member.instance_id,
            "client": member.client_id,
            "host": member.host,
            "partitions": partitions,
        });
        writeln!(out, "{member}")?;
    }
    Ok(())
}

/// `a:0,1;b:2`, as Kafka's tool has it.
fn by_topic<'p>(partitions: impl Iterator<Item = &'p TopicPartition>) -> String {
    let mut text = String::new();
    let mut last = None;
    for partition in partitions {
        if last == Some(&partition.topic) {
            text += ",";
        } else {
            text += if last.is_some() { ";" } else { "" };
            text += &partition.topic;
            text += ":";
        }
        text += &partition.partition.to_string();
        last = Some(&partition.topic);
    }
    text
}

async fn delete(args: DeleteArgs) -> Result<(), Failure> {
    let mut admin = args.brokers.admin()?;
    for group in &args.groups {
        admin.delete_group(group).await.map_err(|error| Failure::of_group(group, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_listed_by_topic() {
        let partitions = [("a", 0), ("a", 1), ("b", 2)].map(|(topic, n)| TopicPartition::new(topic, n));
        assert_eq!(by_topic(partitions.iter()), "a:0,1;b:2");
        assert_eq!(by_topic([].iter()), "");
    }
}
