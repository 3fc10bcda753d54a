//! Kafka's UUIDs: topic ids, directory ids.

use std::fmt;
use std::str::FromStr;

/// 16 bytes that name a topic or a directory; all zero means "none".
///
/// Its text is Kafka's: 22 characters of URL-safe base64 without padding.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(align(8))] // so that it is moved in two steps, not in sixteen
pub struct Uuid(pub [u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_LENGTH: usize = 22;

impl Uuid {
    /// "No id", which must never serve as a key: different topics may have it.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Whether this is "no id".
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 128 bits and four zero bits at the end make 22 characters of six bits.
        let bits = u128::from_be_bytes(self.0);
        for n in 0..TEXT_LENGTH {
            let sextet = match 122_usize.checked_sub(6 * n) {
                Some(shift) => bits >> shift,
                None => bits << 4,
            };
            write!(f, "{}", ALPHABET[(sextet & 0x3f) as usize] as char)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no UUID in Kafka's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUuid;

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID is 22 characters of URL-safe base64 without padding")
    }
}

impl std::error::Error for InvalidUuid {}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        if text.len() != TEXT_LENGTH {
            return Err(InvalidUuid);
        }
        let mut bits = 0u128;
        for (n, character) in text.bytes().enumerate() {
            let sextet = ALPHABET.iter().position(|&c| c == character).ok_or(InvalidUuid)? as u128;
            match 122_usize.checked_sub(6 * n) {
                Some(shift) => bits |= sextet << shift,
                None => bits |= sextet >> 4,
            }
        }
        Ok(Uuid(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_kafkas_form() {
        // Kafka's own constants: METADATA_TOPIC_ID is 0...01.
        let one = Uuid(1u128.to_be_bytes());
        assert_eq!(one.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!("AAAAAAAAAAAAAAAAAAAAAQ".parse(), Ok(one));
        let all = Uuid(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes());
        assert_eq!(all.to_string(), "ASNFZ4mrze_-3LqYdlQyEA");
        assert_eq!(all.to_string().parse(), Ok(all));
        assert_eq!("too short".parse::<Uuid>(), Err(InvalidUuid));
    }
}
