//! What all groups have in common.

use milena_protocol::{Str, Uuid};

use super::answers::Answers;
use super::settings::GroupSettings;
use super::timers::Timers;
use crate::core::rng::Rng;

/// The settings, the timers, the answers and the chance of all groups.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: GroupSettings,
    pub(super) timers: Timers,
    pub(super) answers: Answers,
    rng: Rng,
}

impl Shared {
    pub(super) fn new(settings: GroupSettings, seed: u64) -> Self {
        Shared { settings, timers: Timers::default(), answers: Answers::default(), rng: Rng::new(seed) }
    }

    /// A random id.
    pub(super) fn uuid(&mut self) -> Uuid {
        self.rng.uuid()
    }

    /// A new id for a member, made of its `group.instance.id` or its `client.id` and a random UUID, as Kafka does.
    pub(super) fn member_id(&mut self, name: &str) -> Str {
        let digits = format!("{:032x}", u128::from_be_bytes(self.uuid().0));
        let uuid = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
        Str::from(format!("{name}-{uuid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_id_is_a_name_and_a_random_uuid_of_the_seed() {
        let id = Shared::new(GroupSettings::default(), 1).member_id("app");
        let again = Shared::new(GroupSettings::default(), 1).member_id("app");
        assert_eq!(id, again);
        let other = Shared::new(GroupSettings::default(), 2).member_id("app");
        assert_ne!(id, other);
        let uuid = id.strip_prefix("app-").unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(uuid[14..].starts_with('4') && "89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
