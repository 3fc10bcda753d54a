//! What milena says of a property of Kafka's consumer or producer.

use super::{ConfigError, names};

/// A property of Kafka's consumer or producer, and what milena makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) support: Support,
}

impl Property {
    /// Its name, as in `group.id`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is for, in a sentence or two that go on behind `name: `.
    pub fn about(&self) -> &'static str {
        self.about.trim()
    }

    /// Whether it can be set.
    pub fn support(&self) -> Support {
        self.support
    }
}

/// Whether a property can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// To all the values that Kafka takes.
    Full,
    /// To these values only: they ask for what milena does in any case.
    Only {
        /// Which; the letters' case does not matter.
        values: &'static [&'static str],
        /// Why no others.
        why: &'static str,
    },
    /// Not at all.
    None {
        /// Why not.
        why: &'static str,
    },
}

/// Accepts what asks for nothing but what happens anyway, and refuses all else that is not honoured.
pub(super) fn refuse(
    name: &str,
    value: &str,
    honoured: &[Property],
    refused: &[Property],
) -> Result<(), ConfigError> {
    let Some(property) = refused.iter().find(|property| property.name == name) else {
        let known = honoured.iter().map(|property| property.name);
        return Err(ConfigError::unknown(name, names::nearest(name, known)));
    };
    match property.support {
        Support::Full => Ok(()),
        Support::Only { values, .. } if values.iter().any(|known| known.eq_ignore_ascii_case(value)) => {
            Ok(())
        }
        Support::Only { values, why } => Err(ConfigError::only(name, value, values, why)),
        Support::None { why } => Err(ConfigError::not_supported(name, why)),
    }
}
