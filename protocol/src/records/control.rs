//! Control records: the ends of transactions, written by the broker and never shown to applications (KIP-98).

use super::Record;
use super::error::RecordErrorKind;
use super::parse::{Parsed, int16, int32};

/// A record of a control batch ([`is_control`](super::BatchHeader::is_control)), taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ControlRecord {
    /// The version of the key. Later ones only add fields.
    pub version: i16,
    /// What the record says.
    pub kind: ControlKind,
    /// At the end of a transaction, the epoch of the coordinator that wrote it; `None` for other kinds, and when the
    /// value is too short to hold one.
    pub coordinator_epoch: Option<i32>,
}

/// Kafka's `ControlRecordType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ControlKind {
    /// 0: the producer's transaction was aborted.
    Abort,
    /// 1: the producer's transaction was committed.
    Commit,
    /// Any other number: to be skipped, its offset counted. (KRaft's own log has 2 to 6.)
    Unknown(i16),
}

impl ControlRecord {
    /// Takes apart a record of a control batch.
    ///
    /// # Errors
    /// [`RecordErrorKind::ControlKey`] when the key is null or too short, [`RecordErrorKind::ControlVersion`] when a
    /// version is negative.
    pub fn parse(record: &Record<'_>) -> Result<Self, RecordErrorKind> {
        let key = record.key.unwrap_or_default();
        let (_, (version, kind)) = two_int16(key).map_err(|_| RecordErrorKind::ControlKey)?;
        not_negative(version)?;
        let kind = match kind {
            0 => ControlKind::Abort,
            1 => ControlKind::Commit,
            other => ControlKind::Unknown(other),
        };
        let coordinator_epoch = match (kind, record.value.map(end_marker)) {
            (ControlKind::Abort | ControlKind::Commit, Some(Ok((_, (version, epoch))))) => {
                not_negative(version)?;
                Some(epoch)
            }
            _ => None,
        };
        Ok(Self { version, kind, coordinator_epoch })
    }
}

/// A control record's key: version and kind.
fn two_int16(i: &[u8]) -> Parsed<'_, (i16, i16)> {
    let (i, version) = int16(i)?;
    let (i, kind) = int16(i)?;
    Ok((i, (version, kind)))
}

/// Kafka's `EndTxnMarker` behind its version.
fn end_marker(i: &[u8]) -> Parsed<'_, (i16, i32)> {
    let (i, version) = int16(i)?;
    let (i, coordinator_epoch) = int32(i)?;
    Ok((i, (version, coordinator_epoch)))
}

fn not_negative(version: i16) -> Result<(), RecordErrorKind> {
    if version < 0 { Err(RecordErrorKind::ControlVersion(version)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<ControlRecord, RecordErrorKind> {
        ControlRecord::parse(&Record::plain(0, 0, key, value))
    }

    #[test]
    fn ends_of_transactions_are_told_apart() {
        let value = Some(&[0, 0, 0, 0, 0, 7][..]);
        let abort = parse(Some(&[0, 0, 0, 0]), value).unwrap();
        assert_eq!((abort.kind, abort.coordinator_epoch), (ControlKind::Abort, Some(7)));
        let commit = parse(Some(&[0, 0, 0, 1]), value).unwrap();
        assert_eq!((commit.kind, commit.version), (ControlKind::Commit, 0));
    }

    #[test]
    fn unknown_kinds_and_newer_versions_are_no_errors() {
        let other = parse(Some(&[0, 3, 0, 9, 1, 2, 3]), None).unwrap();
        assert_eq!(
            other,
            ControlRecord { version: 3, kind: ControlKind::Unknown(9), coordinator_epoch: None }
        );
    }

    #[test]
    fn short_keys_and_negative_versions_are_errors() {
        assert_eq!(parse(None, None), Err(RecordErrorKind::ControlKey));
        assert_eq!(parse(Some(&[0, 0, 0]), None), Err(RecordErrorKind::ControlKey));
        assert_eq!(parse(Some(&[0xff, 0xff, 0, 0]), None), Err(RecordErrorKind::ControlVersion(-1)));
        let value = Some(&[0xff, 0xfe, 0, 0, 0, 0][..]);
        assert_eq!(parse(Some(&[0, 0, 0, 1]), value), Err(RecordErrorKind::ControlVersion(-2)));
    }
}
