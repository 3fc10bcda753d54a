//! `StickyAssignorUserData`: what a member had, in the bytes that Kafka's `StickyAssignor` puts into a
//! subscription.
//!
//! ```text
//! previous_assignment  int32 count; for each topic its name (int16 length, bytes), and the partitions' indexes
//!                      (int32 count, int32 each)
//! generation           int32, since v1
//! ```
//! There is no version number: what ends before the generation is v0 (Kafka before 2.4).

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};

use super::super::TopicPartitions;
use super::claims::NO_GENERATION;

/// Writes v1. A name that does not fit the format (more than 32,767 bytes; Kafka allows
/// 249) is left out.
pub(super) fn encode(partitions: &[(String, Vec<i32>)], generation: i32) -> Bytes {
    let topics = grouped(partitions);
    let mut out = BytesMut::new();
    out.put_i32(count(topics.len()));
    for (name, indexes) in &topics {
        out.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX));
        out.put_slice(name.as_bytes());
        out.put_i32(count(indexes.len()));
        for &index in indexes {
            out.put_i32(index);
        }
    }
    out.put_i32(generation);
    out.freeze()
}

/// One entry for each topic, in order of first appearance.
fn grouped(partitions: &[(String, Vec<i32>)]) -> Vec<(&str, Vec<i32>)> {
    let mut places = HashMap::new();
    let mut topics: Vec<(&str, Vec<i32>)> = Vec::new();
    for (name, indexes) in partitions {
        if indexes.is_empty() || i16::try_from(name.len()).is_err() {
            continue;
        }
        let place = *places.entry(name).or_insert(topics.len());
        if place == topics.len() {
            topics.push((name, Vec::new()));
        }
        topics[place].1.extend(indexes);
    }
    topics
}

fn count(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// Reads v0 and v1, and ignores what follows. The generation is `None` in v0 and where there are no bytes at
/// all; bytes that make no sense say that the member had nothing, in no generation.
pub(super) fn decode(data: &[u8]) -> (TopicPartitions, Option<i32>) {
    if data.is_empty() {
        return (Vec::new(), None);
    }
    let mut rest = Rest(data);
    match rest.topics() {
        Some(topics) => (topics, rest.int32()),
        None => (Vec::new(), Some(NO_GENERATION)),
    }
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn topics(&mut self) -> Option<TopicPartitions> {
        let count = self.array_len()?;
        (0..count).map(|_| Some((self.string()?, self.indexes()?))).collect()
    }

    fn indexes(&mut self) -> Option<Vec<i32>> {
        let count = self.array_len()?;
        (0..count).map(|_| self.int32()).collect()
    }

    /// A count of elements of at least a byte each: more than there are bytes is a lie.
    fn array_len(&mut self) -> Option<usize> {
        let count = usize::try_from(self.int32()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn string(&mut self) -> Option<String> {
        let (len, rest) = self.0.split_first_chunk()?;
        let len = usize::try_from(i16::from_be_bytes(*len)).ok()?;
        let (text, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn int32(&mut self) -> Option<i32> {
        let (four, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*four))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = b"\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x05\0\0\0\x07";

    fn assignment() -> TopicPartitions {
        vec![("t".to_owned(), vec![0, 5])]
    }

    #[test]
    fn the_generation_follows_the_partitions() {
        assert_eq!(encode(&assignment(), 7), V1);
        assert_eq!(decode(V1), (assignment(), Some(7)));
    }

    #[test]
    fn without_the_generation_it_is_version_0() {
        let v0 = &V1[..V1.len() - 4];
        assert_eq!(decode(v0), (assignment(), None));
        assert_eq!(decode(&V1[..V1.len() - 1]), (assignment(), None));
    }

    #[test]
    fn cut_or_wrong_bytes_claim_nothing() {
        for end in 1..V1.len() - 4 {
            assert_eq!(decode(&V1[..end]), (Vec::new(), Some(-1)), "{end}");
        }
        assert_eq!(decode(b"\x7f\xff\xff\xff"), (Vec::new(), Some(-1)));
        assert_eq!(decode(b"\xff\xff\xff\xff"), (Vec::new(), Some(-1)));
        assert_eq!(decode(b""), (Vec::new(), None));
    }

    #[test]
    fn a_topic_given_in_two_parts_is_written_once() {
        let parts = [("t".to_owned(), vec![0]), ("t".to_owned(), vec![5])];
        assert_eq!(encode(&parts, 7), V1);
    }
}
