//! A consumer group: the coordinator assigns, and members follow at their own pace (KIP-848).
//!
//! Three epochs count up. That of the group rises when members, their subscriptions or the topics change. That of the
//! target follows when it has been worked out anew what is to be whose. Each member's own follows when it has given up
//! what it is not to have, one heartbeat at a time; so no partition ever has two owners.
//!
//! ```text
//!            a member joins                  the target is worked out              all members have got there
//!   Empty ------------------> Assigning -----------------------------> Reconciling ---------------------------> Stable
//!     ^                           ^                                        |                                      |
//!     | the last one leaves       +----------------------------------------+--------------------------------------+
//!     +--- from any                      members, subscriptions or topics change
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | the group |
//! | `member.rs` | a member |
//! | `heartbeat.rs` | ConsumerGroupHeartbeat of one that joins or stays |
//! | `leave.rs` | of one that leaves, and what happens to those who are silent |
//! | `topics.rs` | what the group subscribes to |
//! | `target.rs` | what is to be whose |
//! | `reconcile.rs` | how a member gets there |
//! | `classic_members.rs` | JoinGroup, SyncGroup and Heartbeat of members that speak the classic protocol |
//! | `migrate.rs` | how the group becomes a classic one, and how a classic one becomes it |
//! | `describe.rs`, `offsets.rs` | what operators see; who may commit |
//!
//! After Kafka's `ConsumerGroup`, `ModernGroup` and the `consumerGroup...` methods of `GroupMetadataManager`.

mod classic_members;
mod describe;
mod expressions;
mod heartbeat;
mod leave;
mod member;
mod migrate;
mod offsets;
mod reconcile;
mod target;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::{ErrorCode, Str, Uuid};

pub(super) use self::heartbeat::check_request;
use self::member::Member;
use self::migrate::Downgrade;
use self::topics::Subscriptions;
use super::assignors::Partitions;
use super::classic::protocols::Supported;
use crate::core::catalog::Catalog;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: ErrorCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Refusal { error, message: message.into() }
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub(super) struct ConsumerGroup {
    id: Str,
    epoch: i32,
    members: BTreeMap<Str, Member>,
    /// What those who speak the classic protocol support.
    supported: Supported,
    /// The ids of static members, by their `group.instance.id`.
    static_members: BTreeMap<Str, Str>,
    subscriptions: Subscriptions,
    /// The topics as they were when the epoch last rose, and the version of the catalog that was last looked at.
    metadata: BTreeMap<Uuid, usize>,
    seen: Option<u64>,
    /// What is to be whose, for which epoch of the group, and since when.
    target: BTreeMap<Str, Partitions>,
    target_epoch: i32,
    target_since: Option<Instant>,
    /// Whose each partition is.
    owners: BTreeMap<(Uuid, i32), Str>,
    /// Set when all members that are left speak the classic protocol: the group is to become a classic one.
    downgrade: Option<Downgrade>,
}

impl ConsumerGroup {
    pub(super) fn new(id: Str) -> Self {
        ConsumerGroup {
            id,
            epoch: 1,
            members: BTreeMap::new(),
            supported: Supported::default(),
            static_members: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            metadata: BTreeMap::new(),
            seen: None,
            target: BTreeMap::new(),
            target_epoch: 0,
            target_since: None,
            owners: BTreeMap::new(),
            downgrade: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn member_ids(&self) -> Vec<Str> {
        self.members.keys().cloned().collect()
    }

    /// Puts a member into the group, or the new state of one that is there.
    fn put(&mut self, member: Member) {
        // What is subscribed to before and after must not be forgotten in between.
        self.subscriptions.add(&member);
        if let Some(old) = self.members.remove(&member.id) {
            self.forget(&old);
        }
        if let Some(classic) = &member.classic {
            self.supported.add(&classic.protocols);
        }
        for partition in member.partitions() {
            self.owners.insert(partition, member.id.clone());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out of the group, and gives back what it was to have.
    fn take(&mut self, id: &str) -> Option<(Member, Partitions)> {
        let member = self.members.remove(id)?;
        self.forget(&member);
        if let Some(instance_id) = &member.instance_id
            && self.static_members.get(instance_id) == Some(&member.id)
        {
            self.static_members.remove(instance_id);
        }
        Some((member, self.target.remove(id).unwrap_or_default()))
    }

    fn forget(&mut self, member: &Member) {
        self.subscriptions.remove(member);
        if let Some(classic) = &member.classic {
            self.supported.remove(&classic.protocols);
        }
        for partition in member.partitions() {
            if self.owners.get(&partition) == Some(&member.id) {
                self.owners.remove(&partition);
            }
        }
    }

    /// Compares the topics with what they were, and lets the epoch of the group rise if it has to.
    fn update_metadata(&mut self, has_changed: bool, catalog: &Catalog) {
        let metadata = self.subscriptions.metadata(catalog);
        if has_changed || metadata != self.metadata {
            self.epoch += 1;
            self.metadata = metadata;
        }
        self.seen = Some(catalog.version());
    }

    /// The member, if it is one.
    fn member(&self, id: &str) -> Result<&Member, Refusal> {
        self.members.get(id).ok_or_else(|| {
            Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, format!("{id} is not a member of group {}", self.id))
        })
    }

    /// The static member of this name, if there is one.
    fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.static_members.get(instance_id).and_then(|id| self.members.get(id))
    }

    /// The static member of this name, if it has this id.
    fn check_static_member(&self, instance_id: &str, id: &str) -> Result<&Member, Refusal> {
        match self.static_member(instance_id) {
            None => Err(Refusal::new(
                ErrorCode::UNKNOWN_MEMBER_ID,
                format!("group {} has no static member {instance_id}", self.id),
            )),
            Some(member) if member.id != id => Err(Refusal::new(
                ErrorCode::FENCED_INSTANCE_ID,
                format!("static member {instance_id} is {} now, no longer {id}", member.id),
            )),
            Some(member) => Ok(member),
        }
    }
}
