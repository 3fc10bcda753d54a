//! What `milena lag` shows of a sample.

use milena_client::TopicPartition;

use super::sample::{PartitionSample, Sample};
use crate::rates::Rates;
use crate::screen::bar;
use crate::table::{Table, or_dash};

/// The summary and the table.
pub fn lines(sample: &Sample, rates: Option<&Rates<TopicPartition>>) -> Vec<String> {
    let mut headings = vec!["TOPIC", ">PARTITION", ">COMMITTED", ">END", ">LAG", "BEHIND"];
    if rates.is_some() {
        headings.push(">PER SECOND");
    }
    headings.extend(["CLIENT", "HOST", "MEMBER"]);
    let mut table = Table::new(&headings);
    let longest = sample.partitions.iter().filter_map(PartitionSample::lag).max().unwrap_or(0);
    for partition in &sample.partitions {
        let (place, lag, owner) = (&partition.partition, partition.lag(), sample.owner(partition));
        let mut cells = vec![
            place.topic.to_string(),
            place.partition.to_string(),
            or_dash(partition.committed),
            or_dash(partition.end),
            or_dash(lag),
            bar(lag.unwrap_or(0), longest),
        ];
        if let Some(rates) = rates {
            cells.push(or_dash(rates.of(place).map(|rate| format!("{rate:.1}"))));
        }
        cells.push(or_dash(owner.map(|owner| &owner.client_id)));
        cells.push(or_dash(owner.map(|owner| &owner.host)));
        cells.push(or_dash(owner.map(|owner| &owner.member_id)));
        table.row(cells);
    }
    let mut lines = vec![sample.summary()];
    if !sample.partitions.is_empty() {
        lines.extend(table.lines());
    }
    lines.extend(sample.idle().map(|member| format!("without a partition: {}", member.member_id)));
    lines
}
