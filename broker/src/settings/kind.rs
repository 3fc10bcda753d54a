//! Types of settings, and which values are good.

use std::collections::BTreeSet;
use std::fmt;

/// What a setting can be. The numbers of the types are those of `DescribeConfigs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number of 32 bits, from here to there.
    Int(i32, i32),
    /// A number of 64 bits, from here on.
    Long(i64),
    /// A number with a fraction, from here to there.
    Double(f64, f64),
    /// One of these; any text where none is given.
    Text(&'static [&'static str]),
    /// Some of these, with commas between; any texts where none is given.
    List(&'static [&'static str]),
    /// At least one of these, each once, with commas between.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// Whether a text is such a value; else what would be.
    pub fn check(self, value: &str) -> Result<(), Kind> {
        let value = value.trim();
        let good = match self {
            Kind::Bool => boolean(value).is_some(),
            Kind::Int(least, most) => value.parse().is_ok_and(|value| (least..=most).contains(&value)),
            Kind::Long(least) => value.parse().is_ok_and(|value: i64| value >= least),
            Kind::Double(least, most) => value.parse().is_ok_and(|value| (least..=most).contains(&value)),
            Kind::Text(allowed) => allowed.is_empty() || allowed.contains(&value),
            Kind::List(allowed) => allowed.is_empty() || list(value).all(|value| allowed.contains(&value)),
            Kind::Choice(allowed) => {
                let mut seen = BTreeSet::new();
                let mut parts = value.split(',').map(str::trim);
                parts.all(|part| allowed.contains(&part) && seen.insert(part))
            }
        };
        if good { Ok(()) } else { Err(self) }
    }

    /// The number of the type in `DescribeConfigs` (Kafka's `ConfigEntry.ConfigType`).
    pub fn id(self) -> i8 {
        match self {
            Kind::Bool => 1,
            Kind::Text(_) => 2,
            Kind::Int(..) => 3,
            Kind::Long(_) => 5,
            Kind::Double(..) => 6,
            Kind::List(_) | Kind::Choice(_) => 7,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kind::Bool => write!(f, "true or false"),
            Kind::Int(least, most) => write!(f, "a number from {least} to {most}"),
            Kind::Long(least) => write!(f, "a number from {least} to {}", i64::MAX),
            Kind::Double(least, most) => write!(f, "a number from {least} to {most}"),
            Kind::Text(allowed) => write!(f, "one of {}", allowed.join(", ")),
            Kind::List(allowed) => write!(f, "a list of {}", allowed.join(", ")),
            Kind::Choice(allowed) => write!(f, "a list of {}, each once", allowed.join(", ")),
        }
    }
}

/// As Kafka reads it: in any case.
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value.trim() {
        value if value.eq_ignore_ascii_case("true") => Some(true),
        value if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The parts of a list.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty())
}
