//! `--assign`: partitions of one's own choice, and where reading begins in them.

use std::collections::{BTreeMap, BTreeSet};

use milena_client::{Consumer, Error, TopicPartition};

use crate::failure::Failure;
use crate::time;

/// `T`, `T:P` or `T:P:PLACE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    topic: String,
    /// None for all.
    partition: Option<i32>,
    /// None for that of `--offset`.
    place: Option<Place>,
}

/// Where reading begins in a partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Beginning,
    End,
    Offset(i64),
    /// So many offsets before the end, or at the beginning where there are fewer.
    BeforeEnd(i64),
    /// At the first record that is not older, in milliseconds since 1970, or at the end.
    Time(i64),
}

impl Assignment {
    pub fn parse(text: &str) -> Result<Self, String> {
        // The place may be a time, with colons of its own.
        let mut parts = text.splitn(3, ':');
        let topic = parts.next().filter(|topic| !topic.is_empty()).ok_or("the name of a topic is missing")?;
        let partition = match parts.next().map(str::parse) {
            None => None,
            Some(Ok(partition)) if partition >= 0 => Some(partition),
            Some(_) => return Err("a partition is a number from 0 on, as in topic:0".to_owned()),
        };
        let place = parts.next().map(Place::parse).transpose()?;
        Ok(Assignment { topic: topic.to_owned(), partition, place })
    }
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix('@'), text.parse::<i64>()) {
            ("beginning", _, _) => Ok(Place::Beginning),
            ("end", _, _) => Ok(Place::End),
            (_, Some(at), _) => {
                let time = at.parse().map_or_else(|_| time::point(at), Ok)?;
                if time < 0 {
                    Err("there are no records before 1970".to_owned())
                } else {
                    Ok(Place::Time(time))
                }
            }
            (_, _, Ok(before_end @ ..0)) => Ok(Place::BeforeEnd(before_end.saturating_neg())),
            (_, _, Ok(offset)) => Ok(Place::Offset(offset)),
            _ => Err("a place is beginning, end, an offset, -N for N before the end, or @TIME".to_owned()),
        }
    }
}

/// Assigns the partitions, and goes to their places; to `default` where none is said. Where that is none either, the group
/// or `auto.offset.reset` says where reading begins.
pub async fn assign(
    consumer: &mut Consumer,
    wanted: &[Assignment],
    default: Option<Place>,
) -> Result<(), Failure> {
    let mut places = BTreeMap::new();
    for assignment in wanted {
        let place = assignment.place.or(default);
        for partition in partitions(consumer, assignment).await? {
            places.insert(TopicPartition::new(&assignment.topic, partition), place);
        }
    }
    consumer.assign(places.keys().cloned()).await?;
    for (partition, place) in places {
        if let Some(place) = place {
            seek(consumer, &partition, place).await?;
        }
    }
    Ok(())
}

/// The numbers of the partitions, which must be there.
async fn partitions(consumer: &mut Consumer, wanted: &Assignment) -> Result<BTreeSet<i32>, Failure> {
    let topic = &wanted.topic;
    let there = consumer.partitions_for(topic).await?;
    let there: BTreeSet<i32> = there.iter().map(|info| info.partition).collect();
    match wanted.partition {
        _ if there.is_empty() => Err(Failure::Other(format!("there is no topic {topic}"))),
        None => Ok(there),
        Some(partition) if there.contains(&partition) => Ok(BTreeSet::from([partition])),
        Some(partition) => Err(Failure::Other(format!("topic {topic} has no partition {partition}"))),
    }
}

async fn seek(consumer: &mut Consumer, partition: &TopicPartition, place: Place) -> Result<(), Error> {
    let one = [partition.clone()];
    let offset = match place {
        Place::Beginning => return consumer.seek_to_beginning(one).await,
        Place::End => return consumer.seek_to_end(one).await,
        Place::Offset(offset) => offset,
        Place::BeforeEnd(count) => {
            let start = consumer.beginning_offsets(one.clone()).await?.into_values().next().unwrap_or(0);
            let end = consumer.end_offsets(one).await?.into_values().next().unwrap_or(start);
            end.saturating_sub(count).max(start)
        }
        Place::Time(time) => {
            let found = consumer.offsets_for_times([(partition.clone(), time)]).await?;
            match found.into_values().next().flatten() {
                Some(found) => found.offset,
                None => return consumer.seek_to_end(one).await,
            }
        }
    };
    consumer.seek(partition, offset).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_a_number_or_a_time() {
        assert_eq!(Place::parse("beginning"), Ok(Place::Beginning));
        assert_eq!(Place::parse("end"), Ok(Place::End));
        assert_eq!(Place::parse("0"), Ok(Place::Offset(0)));
        assert_eq!(Place::parse("-7"), Ok(Place::BeforeEnd(7)));
        assert_eq!(Place::parse("@1700000000000"), Ok(Place::Time(1_700_000_000_000)));
        assert_eq!(Place::parse("@2023-11-14T22:13:20Z"), Ok(Place::Time(1_700_000_000_000)));
        for bad in ["begin", "", "1.5", "@noon", "@-1"] {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_assignment_is_a_topic_perhaps_a_partition_perhaps_a_place() {
        let assignment = |partition, place| Ok(Assignment { topic: "t".to_owned(), partition, place });
        assert_eq!(Assignment::parse("t"), assignment(None, None));
        assert_eq!(Assignment::parse("t:3"), assignment(Some(3), None));
        assert_eq!(Assignment::parse("t:3:-1"), assignment(Some(3), Some(Place::BeforeEnd(1))));
        let time = Some(Place::Time(1_700_000_000_000));
        assert_eq!(Assignment::parse("t:0:@2023-11-14T23:13:20+01:00"), assignment(Some(0), time));
        for bad in ["", ":1", "t:", "t:x", "t:-1", "t:0:", "t::end"] {
            assert!(Assignment::parse(bad).is_err(), "{bad}");
        }
    }
}
