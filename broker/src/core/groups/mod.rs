//! The group coordinator: who is in which group, what is whose, and how far each group has come.
//!
//! It knows no clock and no connection. A request comes with a [`Ticket`], and its answer leaves with the same one: at
//! once, or when the group has come further. The errors are those of Kafka's `GroupCoordinatorService`,
//! `GroupMetadataManager` and `OffsetMetadataManager` in the same situation.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Groups`]: all groups of the cluster, and the requests they answer |
//! | `settings.rs` | [`GroupSettings`], by Kafka's names |
//! | `group.rs` | a group of either kind |
//! | `classic_requests.rs`, `classic/` | groups whose leader assigns |
//! | `consumer_requests.rs`, `consumer/`, `assignors/` | groups whose coordinator assigns (KIP-848) |
//! | `offsets/` | how far they have come |
//! | `admin.rs` | ListGroups, DescribeGroups, DeleteGroups |
//! | `room.rs` | how many groups there may be |
//! | `moves.rs`, `views.rs` | what happens to groups from outside, and what is seen there |
//! | `shared.rs`, `timers.rs`, `answers.rs` | what all groups have in common |

mod admin;
mod answers;
mod assignors;
mod classic;
mod classic_requests;
mod consumer;
mod consumer_requests;
mod group;
mod moves;
mod offsets;
mod room;
mod settings;
mod shared;
#[cfg(test)]
mod test_support;
mod timers;
mod views;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_protocol::{ResponseBody, Str};

use self::classic::ClassicGroup;
use self::group::Group;
use self::offsets::Offsets;
pub use self::settings::{GroupSettings, MigrationPolicy};
use self::shared::Shared;
use super::catalog::Catalog;
use super::requests::Ticket;

/// All groups of the cluster.
#[derive(Debug)]
pub struct Groups {
    groups: BTreeMap<Str, Group>,
    /// When each group was last used.
    used: BTreeMap<Str, Instant>,
    offsets: Offsets,
    /// When it is looked next whether offsets have outlived their retention; `None` while there are no groups.
    next_expiry: Option<Instant>,
    shared: Shared,
}

impl Groups {
    /// No groups yet. The ids of members come from `seed`.
    pub fn new(settings: GroupSettings, seed: u64) -> Self {
        Groups {
            groups: BTreeMap::new(),
            used: BTreeMap::new(),
            offsets: Offsets::default(),
            next_expiry: None,
            shared: Shared::new(settings, seed),
        }
    }

    /// The answers that are ready, and whose requests they answer.
    pub fn take_answers(&mut self) -> Vec<(Ticket, ResponseBody)> {
        self.shared.answers.take()
    }

    /// Nobody waits for this answer any more.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.shared.answers.given_up(ticket);
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.shared.timers.next().into_iter().chain(self.next_expiry).min()
    }

    /// Takes note of what has become of the topics, and does what is due.
    pub fn advance(&mut self, catalog: &Catalog, now: Instant) {
        self.see(catalog);
        while let Some((_, group_id, timer)) = self.shared.timers.ended(now) {
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.timer_ended(&timer, &mut self.shared, catalog, now);
                self.settle_kind(&group_id, catalog, now);
            }
        }
        if self.next_expiry.is_some_and(|due| due <= now) {
            self.expire_offsets(now);
            self.next_expiry = (!self.groups.is_empty()).then(|| now + self.expiry_interval());
        }
    }

    fn expiry_interval(&self) -> Duration {
        // Less than a millisecond would never end, and more than a year is never.
        let interval_ms =
            self.shared.settings.offsets_retention_check_interval_ms.clamp(1, 365 * 24 * 3_600_000);
        Duration::from_millis(interval_ms.unsigned_abs())
    }

    /// Makes an empty classic group where there is none, or a consumer group without members.
    fn make_classic_group(&mut self, id: &Str, now: Instant) {
        match self.groups.get(id) {
            Some(Group::Classic(_)) => {}
            Some(Group::Consumer(group)) if !group.is_empty() => {}
            _ => self.put_group(id, Group::Classic(ClassicGroup::new(id.detached(), now)), now),
        }
    }

    /// A consumer group whose last member that speaks the consumer protocol is gone becomes a classic one.
    fn settle_kind(&mut self, id: &Str, catalog: &Catalog, now: Instant) {
        if let Some(Group::Consumer(group)) = self.groups.get_mut(id)
            && let Some(classic) = group.downgraded(&mut self.shared, catalog, now)
        {
            self.put_group(id, Group::Classic(classic), now);
        }
    }

    /// Puts a group in the place of the one of this name; what has been committed stays.
    fn put_group(&mut self, id: &Str, group: Group, now: Instant) {
        self.groups.insert(id.detached(), group);
        self.used.insert(id.detached(), now);
        self.next_expiry = self.next_expiry.or_else(|| Some(now + self.expiry_interval()));
    }
}
