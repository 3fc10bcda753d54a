//! The consumer protocol: what consumers of a classic group say to each other, inside JoinGroup and SyncGroup.
//!
//! Each blob begins with its version. Versions only ever add fields at the end, so that a newer one is read as the
//! newest that is known. What comes after the fields is not looked at, in any version. A blob is never flexible.

use std::ops::RangeInclusive;

use bytes::{BufMut, Bytes, BytesMut};

use crate::Message;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::{check_writable, read_front};
use crate::wire::*;

// What each version brought.
const OWNED_PARTITIONS: i16 = 1; // KIP-429
const GENERATION: i16 = 2; // KIP-792
const RACK: i16 = 3; // KIP-881

/// What a consumer tells the leader of its group: the metadata of a member in JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerProtocolSubscription {
    /// The topics that it wants to read.
    pub topics: Vec<Str>,
    /// What its assignor adds, or null.
    pub user_data: Option<Bytes>,
    /// The partitions that it has (v1+).
    pub owned_partitions: Vec<TopicPartitions>,
    /// The generation in which it got them, or -1 (v2+).
    pub generation_id: i32,
    /// Its rack (`client.rack`), or null (v3+).
    pub rack_id: Option<Str>,
}

impl ConsumerProtocolSubscription {
    /// Reads a blob, and the version that it says it has.
    pub fn from_blob(blob: &Bytes) -> Result<(i16, Self), DecodeError> {
        read_blob(blob)
    }

    /// The blob of `version`.
    pub fn to_blob(&self, version: i16) -> Result<Bytes, EncodeError> {
        write_blob(self, version)
    }
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        ConsumerProtocolSubscription {
            topics: Vec::new(),
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FIRST_FLEXIBLE: Option<i16> = None;
}

impl Wire for ConsumerProtocolSubscription {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", .., array(string))(i)?;
        let (i, user_data) = field("userData", .., nullable_bytes)(i)?;
        let (i, owned_partitions) =
            field("ownedPartitions", OWNED_PARTITIONS.., array(TopicPartitions::decode))(i)?;
        let (i, generation_id) = field_or("generationId", GENERATION.., -1, int32)(i)?;
        let (i, rack_id) = field("rackId", RACK.., nullable_string)(i)?;
        Ok((i, ConsumerProtocolSubscription { topics, user_data, owned_partitions, generation_id, rack_id }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", .., &self.topics);
        o.field("userData", .., &self.user_data);
        o.ignorable("ownedPartitions", OWNED_PARTITIONS.., &self.owned_partitions);
        o.ignorable("generationId", GENERATION.., &self.generation_id);
        o.ignorable("rackId", RACK.., &self.rack_id);
    }
}

/// What a consumer is to read: its assignment in SyncGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerProtocolAssignment {
    /// The partitions.
    pub assigned_partitions: Vec<TopicPartitions>,
    /// What the assignor adds, or null.
    pub user_data: Option<Bytes>,
}

impl ConsumerProtocolAssignment {
    /// Reads a blob, and the version that it says it has. No bytes at all, which a coordinator hands to a member that
    /// the leader has left out, mean no partitions (read as version 0).
    pub fn from_blob(blob: &Bytes) -> Result<(i16, Self), DecodeError> {
        if blob.is_empty() {
            return Ok((0, Self::default()));
        }
        read_blob(blob)
    }

    /// The blob of `version`.
    pub fn to_blob(&self, version: i16) -> Result<Bytes, EncodeError> {
        write_blob(self, version)
    }
}

impl Message for ConsumerProtocolAssignment {
    const NAME: &'static str = "ConsumerProtocolAssignment";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FIRST_FLEXIBLE: Option<i16> = None;
}

impl Wire for ConsumerProtocolAssignment {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, assigned_partitions) = field("assignedPartitions", .., array(TopicPartitions::decode))(i)?;
        let (i, user_data) = field("userData", .., nullable_bytes)(i)?;
        Ok((i, ConsumerProtocolAssignment { assigned_partitions, user_data }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("assignedPartitions", .., &self.assigned_partitions);
        o.field("userData", .., &self.user_data);
    }
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicPartitions {
    /// The topic's name.
    pub topic: Str,
    /// The partitions.
    pub partitions: Vec<i32>,
}

impl TopicPartitions {
    /// These partitions of `topic`.
    pub fn new(topic: Str, partitions: Vec<i32>) -> Self {
        TopicPartitions { topic, partitions }
    }
}

impl Wire for TopicPartitions {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(int32))(i)?;
        Ok((i, TopicPartitions { topic, partitions }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topic", .., &self.topic);
        o.field("partitions", .., &self.partitions);
    }
}

fn read_blob<M: Message>(blob: &Bytes) -> Result<(i16, M), DecodeError> {
    let (oldest, newest) = (*M::VERSIONS.start(), *M::VERSIONS.end());
    let failed = |version, kind| DecodeError { message: M::NAME, version, field: None, offset: 0, kind };
    let Some(version) = blob.first_chunk().map(|bytes| i16::from_be_bytes(*bytes)) else {
        return Err(failed(0, DecodeErrorKind::Truncated { needed: 2, left: blob.len() }));
    };
    if version < oldest {
        return Err(failed(version, DecodeErrorKind::UnsupportedVersion { oldest, newest }));
    }
    let i = Input::new(blob, version.min(newest), false);
    let (_, message) = read_front(i.at(&blob[2..]))?;
    Ok((version, message))
}

fn write_blob<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    check_writable::<M>(version)?;
    let mut blob = BytesMut::new();
    blob.put_i16(version);
    message.write(version, &mut blob)?;
    Ok(blob.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_read_as_the_newest_known() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            rack_id: Some("r".into()),
            ..ConsumerProtocolSubscription::default()
        };
        let mut newer = BytesMut::from(&subscription.to_blob(3).unwrap()[..]);
        newer[1] = 7;
        newer.put_slice(b"what version 7 has added");
        assert_eq!(ConsumerProtocolSubscription::from_blob(&newer.freeze()), Ok((7, subscription)));
    }

    #[test]
    fn bytes_after_the_fields_of_a_known_version_are_not_looked_at() {
        let assigned_partitions = vec![TopicPartitions::new("t".into(), vec![3])];
        let assignment = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
        for version in ConsumerProtocolAssignment::VERSIONS {
            let longer = Bytes::from([&assignment.to_blob(version).unwrap()[..], b"more"].concat());
            assert_eq!(ConsumerProtocolAssignment::from_blob(&longer), Ok((version, assignment.clone())));
        }
    }

    #[test]
    fn t13_no_bytes_at_all_are_no_partitions() {
        let nothing = ConsumerProtocolAssignment::default();
        assert_eq!(ConsumerProtocolAssignment::from_blob(&Bytes::new()), Ok((0, nothing)));
        assert!(ConsumerProtocolSubscription::from_blob(&Bytes::new()).is_err());
    }

    #[test]
    fn a_negative_version_is_an_error() {
        let error =
            ConsumerProtocolAssignment::from_blob(&Bytes::from_static(&[0xff, 0xff, 0, 0])).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::UnsupportedVersion { oldest: 0, newest: 3 });
    }
}
