//! The consumer's place in its group.

use std::time::Duration;

use super::{Consumer, deadline_in};
use crate::core::io::Command;
use crate::core::member::{ConsumerGroupMetadata, GroupMembershipOperation};
use crate::error::Error;

/// How to close a consumer (Kafka's `CloseOptions`, KIP-1092).
///
/// ```no_run
/// use milena_client::{CloseOptions, Consumer, GroupMembershipOperation};
///
/// # async fn example(consumer: Consumer) -> Result<(), milena_client::Error> {
/// // It will be back in a moment, and nobody else needs its partitions until then.
/// let options = CloseOptions::default().group_membership_operation(GroupMembershipOperation::RemainInGroup);
/// consumer.close_with(options).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CloseOptions {
    timeout: Duration,
    operation: GroupMembershipOperation,
}

impl Default for CloseOptions {
    /// 30 seconds, as in Java; static members remain in the group, all others leave.
    fn default() -> Self {
        CloseOptions { timeout: Duration::from_secs(30), operation: GroupMembershipOperation::Default }
    }
}

impl CloseOptions {
    /// Closes after this time at the latest.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether to leave the group or to remain in it.
    pub fn group_membership_operation(mut self, operation: GroupMembershipOperation) -> Self {
        self.operation = operation;
        self
    }
}

impl Consumer {
    /// Closes the consumer as [`close`](Self::close) does, and leaves its group or remains in it.
    ///
    /// # Errors
    /// When the last commit failed or was not through in time. The consumer is closed all the same.
    pub async fn close_with(mut self, options: CloseOptions) -> Result<(), Error> {
        let deadline = deadline_in(options.timeout);
        self.handle.calls.call(Command::OnClose(options.operation)).await?;
        self.close_by(deadline).await
    }

    /// As whom the group knows this consumer now. Outside of the group the generation is -1 and the member id empty.
    ///
    /// # Errors
    /// [`Error::NoGroup`] without a `group.id`.
    pub async fn group_metadata(&mut self) -> Result<ConsumerGroupMetadata, Error> {
        self.call(async |handle| handle.group_metadata().await).await
    }

    /// Has the group share out its partitions again (KIP-568): this consumer joins once more at its next
    /// [`poll`](Self::poll), and so do all others. For assignors of one's own, whose decision depends on what the group does
    /// not see. The reason is for the broker's log; it may be empty.
    ///
    /// # Errors
    /// [`Error::NoGroup`] without a `group.id`. [`Error::Misuse`] under `group.protocol=consumer`, where the coordinator alone
    /// decides (Java's consumer warns there, and does nothing).
    pub async fn enforce_rebalance(&mut self, reason: &str) -> Result<(), Error> {
        self.call(async |handle| handle.enforce_rebalance(reason).await).await
    }
}
