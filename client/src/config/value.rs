//! What the text of a property can mean: the kinds of values, each as strict as Kafka's own check.

use std::fmt;
use std::time::Duration;

use milena_protocol::Str;

use super::iso_duration;
use crate::core::fetch_settings::ResetPolicy;
use crate::core::metadata::Address;

/// What a duration comes behind, in `auto.offset.reset`.
const BY_DURATION: &str = "by_duration:";

/// A kind of value that a property can have.
pub(super) trait Value {
    type Parsed;
    /// For the reader of an error: "expected ...".
    const EXPECTED: &'static str;

    /// What a text means; `None` where it means nothing.
    fn parse(text: &str) -> Option<Self::Parsed>;

    /// A text that means this value.
    fn show(value: &Self::Parsed) -> String;

    /// Whether a value that was set in code is one that a text could have.
    fn is_valid(value: &Self::Parsed) -> bool {
        Self::parse(&Self::show(value)).is_some()
    }

    /// The value of a property that nobody has set.
    fn unset(text: &str) -> Option<Self::Parsed> {
        Self::parse(text)
    }
}

impl Value for String {
    type Parsed = String;
    const EXPECTED: &'static str = "text";

    fn parse(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

/// A name as topics have it: letters, digits, `.`, `_` and `-`. Not set is the empty text.
pub(super) struct Name;

impl Value for Name {
    type Parsed = String;
    const EXPECTED: &'static str = "1 to 249 letters, digits, dots, underscores and hyphens";

    fn parse(text: &str) -> Option<String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = (1..=249).contains(&text.len()) && text.chars().all(is_allowed);
        (is_name && text != "." && text != "..").then(|| text.to_owned())
    }

    fn show(value: &String) -> String {
        value.clone()
    }

    fn is_valid(value: &String) -> bool {
        value.is_empty() || Self::parse(value).is_some()
    }

    fn unset(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Value for bool {
    type Parsed = bool;
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<bool> {
        text.to_ascii_lowercase().parse().ok()
    }

    fn show(value: &bool) -> String {
        value.to_string()
    }
}

/// Milliseconds that Kafka keeps in an int: many of them go on the wire as such.
pub(super) struct Millis;

impl Value for Millis {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds from 0 to 2147483647";

    fn parse(text: &str) -> Option<Duration> {
        let ms: i32 = text.parse().ok()?;
        Some(Duration::from_millis(u64::try_from(ms).ok()?))
    }

    fn show(value: &Duration) -> String {
        value.as_millis().to_string()
    }
}

/// The same, but at least one.
pub(super) struct PositiveMillis;

impl Value for PositiveMillis {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds from 1 to 2147483647";

    fn parse(text: &str) -> Option<Duration> {
        Millis::parse(text).filter(|duration| !duration.is_zero())
    }

    fn show(value: &Duration) -> String {
        Millis::show(value)
    }
}

/// Milliseconds that Kafka keeps in a long.
pub(super) struct LongMillis;

impl Value for LongMillis {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds from 0 to 9223372036854775807";

    fn parse(text: &str) -> Option<Duration> {
        let ms: i64 = text.parse().ok()?;
        Some(Duration::from_millis(u64::try_from(ms).ok()?))
    }

    fn show(value: &Duration) -> String {
        value.as_millis().to_string()
    }
}

/// The same, where less than 0 means for ever.
pub(super) struct MillisOrForever;

impl MillisOrForever {
    const FOREVER: Duration = Duration::from_millis(i64::MAX as u64);
}

impl Value for MillisOrForever {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds up to 9223372036854775807, or -1 for ever";

    fn parse(text: &str) -> Option<Duration> {
        let ms: i64 = text.parse().ok()?;
        Some(u64::try_from(ms).map_or(Self::FOREVER, Duration::from_millis))
    }

    fn show(value: &Duration) -> String {
        if *value == Self::FOREVER { "-1".to_owned() } else { LongMillis::show(value) }
    }
}

/// A number of bytes on the wire.
pub(super) struct Limit;

impl Value for Limit {
    type Parsed = i32;
    const EXPECTED: &'static str = "a whole number from 0 to 2147483647";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok().filter(|number| *number >= 0)
    }

    fn show(value: &i32) -> String {
        value.to_string()
    }
}

/// A number of bytes that Kafka keeps in a long.
pub(super) struct LongLimit;

impl Value for LongLimit {
    type Parsed = i64;
    const EXPECTED: &'static str = "a whole number from 0 to 9223372036854775807";

    fn parse(text: &str) -> Option<i64> {
        text.parse().ok().filter(|number| *number >= 0)
    }

    fn show(value: &i64) -> String {
        value.to_string()
    }
}

/// Milliseconds that are five seconds at least.
pub(super) struct IdleMillis;

impl Value for IdleMillis {
    type Parsed = Duration;
    const EXPECTED: &'static str = "milliseconds from 5000 to 9223372036854775807";

    fn parse(text: &str) -> Option<Duration> {
        LongMillis::parse(text).filter(|duration| *duration >= Duration::from_secs(5))
    }

    fn show(value: &Duration) -> String {
        LongMillis::show(value)
    }
}

/// A level of gzip, or -1 for its default.
pub(super) struct GzipLevel;

impl Value for GzipLevel {
    type Parsed = i32;
    const EXPECTED: &'static str = "a level from 1 to 9, or -1 for the default";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok().filter(|level| (1..=9).contains(level) || *level == -1)
    }

    fn show(value: &i32) -> String {
        value.to_string()
    }
}

/// A level of Zstandard.
pub(super) struct ZstdLevel;

impl Value for ZstdLevel {
    type Parsed = i32;
    const EXPECTED: &'static str = "a level from -131072 to 22";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok().filter(|level| (-131_072..=22).contains(level))
    }

    fn show(value: &i32) -> String {
        value.to_string()
    }
}

/// The size of a socket's buffer.
pub(super) struct Buffer;

impl Value for Buffer {
    type Parsed = i32;
    const EXPECTED: &'static str = "a whole number from 0 to 2147483647, or -1 for what the system chooses";

    fn parse(text: &str) -> Option<i32> {
        text.parse().ok().filter(|number| *number >= -1)
    }

    fn show(value: &i32) -> String {
        value.to_string()
    }
}

/// A number of things.
pub(super) struct AtLeastOne;

impl Value for AtLeastOne {
    type Parsed = usize;
    const EXPECTED: &'static str = "a whole number from 1 to 2147483647";

    fn parse(text: &str) -> Option<usize> {
        let number: i32 = text.parse().ok()?;
        usize::try_from(number).ok().filter(|number| *number >= 1)
    }

    fn show(value: &usize) -> String {
        value.to_string()
    }
}

impl Value for ResetPolicy {
    type Parsed = ResetPolicy;
    const EXPECTED: &'static str = "earliest, latest, none or by_duration:PnDTnHnMn.nS";

    fn parse(text: &str) -> Option<ResetPolicy> {
        Some(match text {
            "earliest" => ResetPolicy::Earliest,
            "latest" => ResetPolicy::Latest,
            "none" => ResetPolicy::None,
            _ => ResetPolicy::ByDuration(iso_duration::parse(text.strip_prefix(BY_DURATION)?)?),
        })
    }

    fn show(value: &ResetPolicy) -> String {
        value.to_string()
    }
}

/// As the property has it.
impl fmt::Display for ResetPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResetPolicy::Earliest => f.write_str("earliest"),
            ResetPolicy::Latest => f.write_str("latest"),
            ResetPolicy::None => f.write_str("none"),
            ResetPolicy::ByDuration(duration) => {
                f.write_str(BY_DURATION)?;
                iso_duration::write(*duration, f)
            }
        }
    }
}

/// `host:port` pairs with commas between them. An IPv6 address stands in brackets.
pub(super) struct Bootstrap;

impl Value for Bootstrap {
    type Parsed = Vec<Address>;
    const EXPECTED: &'static str = "host:port, ..., each once";

    fn parse(text: &str) -> Option<Vec<Address>> {
        let mut addresses: Vec<Address> = Vec::new();
        for address in text.split(',') {
            let (host, port) = address.trim().rsplit_once(':')?;
            let host = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
            let port: u16 = port.parse().ok()?;
            let address = Address { host: Str::from(host), port };
            if host.is_empty() || port == 0 || addresses.contains(&address) {
                return None;
            }
            addresses.push(address);
        }
        Some(addresses)
    }

    fn show(value: &Vec<Address>) -> String {
        let addresses = value.iter().map(|Address { host, port }| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        });
        addresses.collect::<Vec<_>>().join(",")
    }
}
