//! Who is on the other end: first bytes that are Kafka's, and those of the usual strangers.

use std::fmt;

use milena_protocol::{Api, Limits};

/// A protocol that is met where Kafka's was expected.
///
/// Its first bytes would be the length of a frame of hundreds of megabytes, and are worth a better error than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stranger {
    /// TLS: a handshake or an alert.
    Tls,
    /// HTTP, a request or a response.
    Http,
    /// SSH.
    Ssh,
}

impl Stranger {
    /// The stranger that begins like this, if it is a known one.
    pub(crate) fn recognise(first: [u8; 4]) -> Option<Stranger> {
        match &first {
            // The type of the record (21 alert, 22 handshake) and the major version, 3 since SSL 3.0.
            [21 | 22, 3, ..] => Some(Stranger::Tls),
            b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"CONN" | b"PATC" | b"TRAC" => {
                Some(Stranger::Http)
            }
            // A response, and the preface of HTTP/2.
            b"HTTP" | b"PRI " => Some(Stranger::Http),
            b"SSH-" => Some(Stranger::Ssh),
            _ => None,
        }
    }

    /// What to do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Stranger::Tls => {
                "use TLS on both sides (the client's security.protocol is SSL or SASL_SSL) or on neither, \
                 or the port of another listener"
            }
            Stranger::Http | Stranger::Ssh => {
                "check host and port; a Kafka listener is often on 9092, and no HTTP proxy may stand in between"
            }
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stranger::Tls => "the peer speaks TLS, and this connection is plaintext",
            Stranger::Http => "the peer speaks HTTP, not Kafka's protocol",
            Stranger::Ssh => "the peer speaks SSH, not Kafka's protocol",
        })
    }
}

/// What [`sniff`] makes of the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// They are those of a request.
    Likely,
    /// They cannot be.
    No(Unlikely),
    /// They are too few to say. Fourteen always suffice.
    NeedMore,
}

/// Why bytes are not the beginning of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unlikely {
    /// They are those of another protocol.
    Stranger(Stranger),
    /// No request is as long, or as short.
    Length(i32),
    /// No API has this key, or not in such a version.
    Api {
        /// The key.
        key: i16,
        /// The version.
        version: i16,
    },
    /// The client id does not fit in the frame.
    ClientId {
        /// Its length.
        length: i16,
    },
}

impl fmt::Display for Unlikely {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unlikely::Stranger(stranger) => stranger.fmt(f),
            Unlikely::Length(length) => write!(f, "no request is a frame of {length} bytes"),
            Unlikely::Api { key, version } => write!(f, "no API has the key {key} and a version {version}"),
            Unlikely::ClientId { length } => {
                write!(f, "a client id of {length} bytes does not fit in the frame")
            }
        }
    }
}

/// The shortest request: a header with a client id that is null, and no body.
const SHORTEST: i32 = 10;
/// Room for what Kafka will have in years to come: an API or version that is not known is likely up to here.
const KEYS: i16 = 1_000;
const VERSIONS: i16 = 100;

/// Does a connection that begins with these bytes carry Kafka requests?
///
/// For whoever serves several protocols on one port. It is a guess from length, key, version and client id; APIs and
/// versions that milena does not know are likely too, as long as their numbers are small.
///
/// ```
/// use milena_codec::{Sniff, Stranger, Unlikely, sniff};
///
/// assert_eq!(sniff(b"\0\0\0\x0d\0\x12\0\0\0\0\0\x01\0\x03cli"), Sniff::Likely);
/// assert_eq!(sniff(b"GET / HTTP/1.1\r\n"), Sniff::No(Unlikely::Stranger(Stranger::Http)));
/// assert_eq!(sniff(b"\0\0"), Sniff::NeedMore);
/// ```
pub fn sniff(first: &[u8]) -> Sniff {
    let Some(&length) = first.first_chunk::<4>() else { return Sniff::NeedMore };
    if let Some(stranger) = Stranger::recognise(length) {
        return Sniff::No(Unlikely::Stranger(stranger));
    }
    let length = i32::from_be_bytes(length);
    if length < SHORTEST || length as usize > Limits::default().frame_bytes {
        return Sniff::No(Unlikely::Length(length));
    }
    let (Some(key), Some(version)) = (int16(first, 4), int16(first, 6)) else { return Sniff::NeedMore };
    if !(0..=KEYS).contains(&key) || !(0..=VERSIONS).contains(&version) {
        return Sniff::No(Unlikely::Api { key, version });
    }
    // The only request without a client id, and older than any client that is still about.
    if key == Api::ControlledShutdown.key() && version == 0 {
        return Sniff::Likely;
    }
    match int16(first, 12) {
        None => Sniff::NeedMore,
        Some(id) if (-1..=length - SHORTEST).contains(&i32::from(id)) => Sniff::Likely,
        Some(length) => Sniff::No(Unlikely::ClientId { length }),
    }
}

fn int16(bytes: &[u8], at: usize) -> Option<i16> {
    bytes.get(at..)?.first_chunk().map(|&two| i16::from_be_bytes(two))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bytes(length: i32, key: i16, version: i16, client_id: i16) -> Vec<u8> {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(key.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend(7_i32.to_be_bytes());
        bytes.extend(client_id.to_be_bytes());
        bytes
    }

    #[test]
    fn every_known_version_of_every_api_is_likely() {
        for api in Api::ALL {
            for version in api.versions() {
                assert_eq!(sniff(&first_bytes(40, api.key(), version, 3)), Sniff::Likely, "{api} v{version}");
            }
        }
    }

    #[test]
    fn an_api_of_the_future_is_likely() {
        assert_eq!(sniff(&first_bytes(40, 200, 30, -1)), Sniff::Likely);
    }

    #[test]
    fn fourteen_bytes_decide() {
        let bytes = first_bytes(40, 18, 3, 10);
        assert_eq!(bytes.len(), 14);
        for length in 0..14 {
            assert_eq!(sniff(&bytes[..length]), Sniff::NeedMore, "{length} bytes");
        }
        assert_eq!(sniff(&bytes), Sniff::Likely);
    }

    #[test]
    fn lengths_that_no_request_has_are_unlikely() {
        for length in [i32::MIN, -1, 0, 9, (100 << 20) + 1, i32::MAX] {
            assert_eq!(sniff(&first_bytes(length, 18, 3, -1)), Sniff::No(Unlikely::Length(length)));
        }
    }

    #[test]
    fn keys_and_versions_that_no_request_has_are_unlikely() {
        for (key, version) in [(-1, 0), (18, -1), (1_001, 0), (18, 101)] {
            assert_eq!(sniff(&first_bytes(40, key, version, -1)), Sniff::No(Unlikely::Api { key, version }));
        }
    }

    #[test]
    fn a_client_id_larger_than_the_frame_is_unlikely() {
        assert_eq!(sniff(&first_bytes(40, 18, 3, 30)), Sniff::Likely);
        assert_eq!(sniff(&first_bytes(40, 18, 3, 31)), Sniff::No(Unlikely::ClientId { length: 31 }));
        assert_eq!(sniff(&first_bytes(40, 18, 3, -2)), Sniff::No(Unlikely::ClientId { length: -2 }));
    }

    #[test]
    fn strangers_are_named() {
        let strangers: [(&[u8], Stranger); 6] = [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", Stranger::Tls),
            (b"\x15\x03\x03\x00\x02\x02\x46", Stranger::Tls),
            (b"POST /topics HTTP/1.1", Stranger::Http),
            (b"HTTP/1.1 400 Bad Request", Stranger::Http),
            (b"PRI * HTTP/2.0", Stranger::Http),
            (b"SSH-2.0-OpenSSH_9.6", Stranger::Ssh),
        ];
        for (bytes, stranger) in strangers {
            assert_eq!(sniff(bytes), Sniff::No(Unlikely::Stranger(stranger)));
        }
    }
}
