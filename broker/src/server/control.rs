//! What a test does to a cluster that runs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use milena_protocol::records::BatchBuilder;
use milena_protocol::{Api, ErrorCode};
use tokio::sync::mpsc;

use crate::core::Core;
use crate::core::steering::{Fault, FaultId, Steer, SteerError, Steered, StoredRecord, Whom};

/// What the threads of brokers are called.
pub(super) const THREAD: &str = "milena-broker";

/// Something to be done with the core, and then by whoever asked for it.
pub(super) type Order = Box<dyn FnOnce(&mut Core, Instant) -> Told + Send>;
/// Tells what came of it.
pub(super) type Told = Box<dyn FnOnce() + Send>;

/// Steers a cluster that runs: stops its brokers, moves leaders, throws clients out, and looks at what there is.
///
/// Each call is done when it returns, and takes no longer than a request: the cluster has a thread of its own. So these are
/// plain functions, for async code too. Copies steer the same cluster. Once the [`Broker`](crate::Broker) has been dropped all
/// calls fail with [`SteerError::Gone`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = milena_broker::Broker::builder().brokers(3).topic("orders", 6).start_blocking()?;
/// let control = broker.control();
/// let (leader, epoch) = control.leader("orders", 0)?;
/// control.stop_broker(leader.expect("it has one"))?;
/// let (new_leader, new_epoch) = control.leader("orders", 0)?;
/// assert_ne!(new_leader, leader);
/// assert_eq!(new_epoch, epoch + 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Control {
    orders: mpsc::UnboundedSender<Order>,
}

impl Control {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Order>) {
        // Whoever orders something waits for it: no more are on their way than there are threads.
        let (orders, received) = mpsc::unbounded_channel();
        (Control { orders }, received)
    }

    /// Does any of it.
    ///
    /// # Errors
    /// When what it is about is not there, or cannot be what it is to be; nothing has changed then. All methods below fail
    /// for the same reasons.
    pub fn steer(&self, steer: Steer) -> Result<Steered, SteerError> {
        self.ask(move |core, now| core.steer(steer, now))?
    }

    /// Stops a broker: its connections end, its port refuses new ones, what it led goes to replicas that run, under new
    /// leader epochs. Groups and transactions that it coordinated go along. What is in memory stays. A broker that is
    /// stopped already stays so.
    pub fn stop_broker(&self, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::StopBroker { node_id })
    }

    /// Starts a broker that was stopped, on the same port. It leads only what nobody else could.
    pub fn start_broker(&self, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::StartBroker { node_id })
    }

    /// Halts a broker, as SIGSTOP does with a process: its connections stay open, new ones wait, and nothing is answered. It
    /// still leads what it led; for its groups time goes on.
    pub fn freeze_broker(&self, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::FreezeBroker { node_id })
    }

    /// Lets a broker that was halted go on, with the requests that have come meanwhile.
    pub fn thaw_broker(&self, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::ThawBroker { node_id })
    }

    /// Lets another replica lead a partition, under a new leader epoch. Nothing happens where it does so already.
    pub fn move_leader(&self, topic: &str, partition: i32, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::MoveLeader { topic: topic.to_owned(), partition, node_id })
    }

    /// Lets the leader of a partition begin a new leader epoch, as after an election that it has won again.
    pub fn bump_leader_epoch(&self, topic: &str, partition: i32) -> Result<(), SteerError> {
        self.done(Steer::BumpLeaderEpoch { topic: topic.to_owned(), partition })
    }

    /// Lets another broker coordinate a group, and all that share its partition of `__consumer_offsets`. Members that wait
    /// are answered with NOT_COORDINATOR; what was committed stays.
    pub fn move_coordinator(&self, group_id: &str, node_id: i32) -> Result<(), SteerError> {
        self.done(Steer::MoveGroupCoordinator { group_id: group_id.to_owned(), node_id })
    }

    /// Lets another broker coordinate the transactions of a producer, and of all that share its partition of
    /// `__transaction_state`.
    pub fn move_transaction_coordinator(
        &self,
        transactional_id: &str,
        node_id: i32,
    ) -> Result<(), SteerError> {
        self.done(Steer::MoveTransactionCoordinator {
            transactional_id: transactional_id.to_owned(),
            node_id,
        })
    }

    /// Cuts off the end of a partition's log, as an unclean election does: the same leader begins a new epoch there, so that
    /// clients that are beyond it can find out (KIP-320). A batch that would be cut in two goes as a whole, and leaves a gap
    /// up to `end_offset`, which is the offset of the next record.
    pub fn truncate(&self, topic: &str, partition: i32, end_offset: i64) -> Result<(), SteerError> {
        self.done(Steer::Truncate { topic: topic.to_owned(), partition, end_offset })
    }

    /// Cuts off the beginning of a partition's log, as retention does: `start_offset` is the first that can be read.
    pub fn trim(&self, topic: &str, partition: i32, start_offset: i64) -> Result<(), SteerError> {
        self.done(Steer::Trim { topic: topic.to_owned(), partition, start_offset })
    }

    /// Compacts a partition's log, up to the last stable offset, whatever the topic's settings say: of each key the last value
    /// stays, and tombstones for `delete.retention.ms`; records without a key go.
    pub fn compact(&self, topic: &str, partition: i32) -> Result<(), SteerError> {
        self.done(Steer::Compact { topic: topic.to_owned(), partition })
    }

    /// Deletes a topic, and creates it with the same partitions and settings: empty, under another topic id, with leader
    /// epochs that begin with 0 again. What groups have committed for it is forgotten.
    pub fn recreate_topic(&self, topic: &str) -> Result<(), SteerError> {
        self.done(Steer::RecreateTopic { topic: topic.to_owned() })
    }

    /// Writes records with these keys and values to a partition, in one batch, without a producer. Gives back the offset of the
    /// first.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = milena_broker::Broker::builder().topic("orders", 1).start_blocking()?;
    /// let offset = broker.control().append("orders", 0, [("alice", "3 apples"), ("bob", "a pear")])?;
    /// assert_eq!(offset, 0);
    /// # Ok(()) }
    /// ```
    pub fn append<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = (K, V)>,
    ) -> Result<i64, SteerError> {
        let now = self.ask(|core, now| core.unix_ms(now))?;
        let too_large = |_| SteerError::Refused { code: ErrorCode::MESSAGE_TOO_LARGE };
        let mut batch = BatchBuilder::new();
        for (key, value) in records {
            batch.append(now, Some(key.as_ref()), Some(value.as_ref()), &[]).map_err(too_large)?;
        }
        let (topic, batch) = (topic.to_owned(), batch.build());
        self.ask(move |core, now| core.append(&topic, partition, &batch, now))?
    }

    /// Gives a topic as many more partitions.
    pub fn add_partitions(&self, topic: &str, count: usize) -> Result<(), SteerError> {
        self.done(Steer::AddPartitions { topic: topic.to_owned(), count })
    }

    /// Closes the connections of a client (`client.id`), and says how many it had. It may come back.
    pub fn disconnect(&self, client_id: &str) -> Result<usize, SteerError> {
        self.disconnected(Whom::Client(client_id.to_owned()))
    }

    /// Closes all connections to a broker, and says how many there were.
    pub fn disconnect_all(&self, node_id: i32) -> Result<usize, SteerError> {
        self.disconnected(Whom::Broker(node_id))
    }

    /// Closes all connections to all brokers, and says how many there were.
    pub fn disconnect_everybody(&self) -> Result<usize, SteerError> {
        self.disconnected(Whom::All)
    }

    /// Lets the brokers forget all fetch sessions: the next request of each is answered with FETCH_SESSION_ID_NOT_FOUND.
    pub fn evict_fetch_sessions(&self) -> Result<(), SteerError> {
        self.done(Steer::EvictFetchSessions)
    }

    /// Lets a group's coordinator act as if it had not heard from a member for too long: the member is out, and the group
    /// rebalances.
    pub fn end_session(&self, group_id: &str, member_id: &str) -> Result<(), SteerError> {
        self.done(Steer::EndSession { group_id: group_id.to_owned(), member_id: member_id.to_owned() })
    }

    /// Lets requests go wrong from now on, as the fault says. There can be 10,000 faults; one that has struck for the last time
    /// stays among them, with its count, until it is [removed](FaultHandle::remove).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use milena_broker::{Broker, Fault};
    /// use milena_protocol::{Api, ErrorCode};
    ///
    /// let broker = Broker::start_blocking()?;
    /// let fault = Fault::on(Api::FindCoordinator).times(2).fail(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    /// let handle = broker.control().fault(fault)?;
    /// // ... a client that joins a group ...
    /// assert_eq!(handle.fired(), 0); // or 2, had there been one
    /// handle.remove();
    /// # Ok(()) }
    /// ```
    pub fn fault(&self, fault: Fault) -> Result<FaultHandle, SteerError> {
        match self.steer(Steer::Fault(fault))? {
            Steered::Fault(id) => Ok(FaultHandle { id, control: self.clone() }),
            other => unreachable!("a fault gives a fault, not {other:?}"),
        }
    }

    /// Offers and serves only these versions of an API from now on, as a broker of another age would. Others are refused as
    /// Kafka does: ApiVersions is answered in version 0 with an error (KIP-511), anything else is cut off. Clients ask for the
    /// versions when they connect: [`disconnect_everybody`](Self::disconnect_everybody) lets them ask again.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = milena_broker::Broker::start_blocking()?;
    /// broker.control().pin_versions(milena_protocol::Api::Fetch, 4..=12)?; // no topic ids
    /// # Ok(()) }
    /// ```
    pub fn pin_versions(&self, api: Api, versions: RangeInclusive<i16>) -> Result<(), SteerError> {
        self.done(Steer::PinVersions { api, versions: Some(versions) })
    }

    /// Lets the broker not have an API at all, as one that is too old for it.
    pub fn hide_api(&self, api: Api) -> Result<(), SteerError> {
        self.done(Steer::PinVersions { api, versions: None })
    }

    /// Offers all versions of all APIs again.
    pub fn unpin_versions(&self) -> Result<(), SteerError> {
        self.done(Steer::UnpinVersions)
    }

    /// Lets the broker's time stand still: sessions do not end, nothing is retained for too long, a Fetch that waits goes on
    /// waiting. Clients have a time of their own.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let broker = milena_broker::Broker::start_blocking()?;
    /// let control = broker.control();
    /// control.freeze_time()?;
    /// control.advance_time(Duration::from_secs(7 * 24 * 3600))?; // a week later
    /// control.thaw_time()?;
    /// # Ok(()) }
    /// ```
    pub fn freeze_time(&self) -> Result<(), SteerError> {
        self.done(Steer::FreezeTime)
    }

    /// Lets so much of the broker's time pass all at once, whether it is frozen or not. What is due by then has been done
    /// when this returns.
    pub fn advance_time(&self, by: Duration) -> Result<(), SteerError> {
        self.done(Steer::AdvanceTime(by))
    }

    /// Lets the broker's time go on from where it stands.
    pub fn thaw_time(&self) -> Result<(), SteerError> {
        self.done(Steer::ThawTime)
    }

    /// The offset of the first record of a partition.
    pub fn log_start_offset(&self, topic: &str, partition: i32) -> Result<i64, SteerError> {
        let topic = topic.to_owned();
        self.ask(move |core, _| core.log_start_offset(&topic, partition))?
    }

    /// The offset of the next record of a partition.
    pub fn log_end_offset(&self, topic: &str, partition: i32) -> Result<i64, SteerError> {
        let topic = topic.to_owned();
        self.ask(move |core, _| core.log_end_offset(&topic, partition))?
    }

    /// All that a partition holds, decompressed.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, SteerError> {
        let topic = topic.to_owned();
        self.ask(move |core, _| core.records(&topic, partition))?
    }

    /// Who leads a partition, `None` while none of its replicas runs; and the leader epoch.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<(Option<i32>, i32), SteerError> {
        let topic = topic.to_owned();
        self.ask(move |core, _| core.leader(&topic, partition))?
    }

    /// Who coordinates a group; `None` while nobody does, or no client has asked for a coordinator yet.
    pub fn group_coordinator(&self, group_id: &str) -> Result<Option<i32>, SteerError> {
        let group_id = group_id.to_owned();
        self.ask(move |core, _| core.group_coordinator(&group_id))
    }

    /// Who coordinates a producer's transactions; `None` while nobody does, or no client has asked yet.
    pub fn transaction_coordinator(&self, transactional_id: &str) -> Result<Option<i32>, SteerError> {
        let transactional_id = transactional_id.to_owned();
        self.ask(move |core, _| core.transaction_coordinator(&transactional_id))
    }

    /// The offsets that a group has committed, by topic and partition; empty where there is no such group.
    pub fn committed(&self, group_id: &str) -> Result<BTreeMap<(String, i32), i64>, SteerError> {
        let group_id = group_id.to_owned();
        self.ask(move |core, _| core.committed(&group_id))
    }

    /// A group's state by Kafka's name (`Stable`); `None` where there is no such group.
    pub fn group_state(&self, group_id: &str) -> Result<Option<String>, SteerError> {
        let group_id = group_id.to_owned();
        self.ask(move |core, _| core.group_state(&group_id))
    }

    /// The ids of a group's members, in order; none where there is no such group.
    pub fn group_members(&self, group_id: &str) -> Result<Vec<String>, SteerError> {
        let group_id = group_id.to_owned();
        self.ask(move |core, _| core.group_members(&group_id))
    }

    fn done(&self, steer: Steer) -> Result<(), SteerError> {
        self.steer(steer).map(drop)
    }

    fn disconnected(&self, whom: Whom) -> Result<usize, SteerError> {
        match self.steer(Steer::Disconnect(whom))? {
            Steered::Disconnected(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Has something done with the core, and waits until it is done.
    fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Core, Instant) -> T + Send + 'static,
    ) -> Result<T, SteerError> {
        if std::thread::current().name() == Some(THREAD) {
            // It would wait for itself.
            return Err(SteerError::InPredicate);
        }
        let (sender, answer) = std_mpsc::sync_channel(1);
        let order: Order = Box::new(move |core, now| {
            let outcome = what(core, now);
            // Whoever asked is waiting.
            Box::new(move || drop(sender.send(outcome)))
        });
        self.orders.send(order).map_err(|_| SteerError::Gone)?;
        answer.recv().map_err(|_| SteerError::Gone)
    }
}

/// A fault that was told to a broker.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    id: FaultId,
    control: Control,
}

impl FaultHandle {
    /// How often it has struck; 0 where it has been removed, or the broker is gone.
    pub fn fired(&self) -> u64 {
        let id = self.id;
        self.control.ask(move |core, _| core.fired(id)).unwrap_or(0)
    }

    /// Takes it away, and says how often it has struck. Requests that it has struck stay so.
    pub fn remove(self) -> u64 {
        match self.control.steer(Steer::RemoveFault(self.id)) {
            Ok(Steered::Removed { fired }) => fired,
            _ => 0,
        }
    }
}
