//! The fetch side of the consumer, as one machine: partitions go in, records come out.
//!
//! ```text
//!   assign, seek, pause, resume ─┐                        ┌─> take_completed: records, in batches as they came
//!   set_committed ───────────────┤                        ├─> next_error, next_notice
//!   consumed ────────────────────┤        Fetching        ├─> waiting_for_committed
//!   handle_response <── broker ──┘  (it knows no clock    └─> next_request ──> broker
//!                                    and sends nothing)
//! ```
//! Call [`next_request`](Fetching::next_request) after every change until it gives `None`, and again at the
//! [`deadline`](Fetching::deadline).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody};

pub use super::assigned::ResetTo;
use super::assigned::{Assigned, Phase};
use super::completed_fetch::{CompletedFetch, Consumed, Delivered};
pub use super::fetch_report::{FetchError, FetchNotice, Place};
pub use super::fetch_settings::{FetchSettings, IsolationLevel, ResetPolicy};
use super::fetcher::{Fetch, Fetcher};
use super::metadata::Metadata;
use super::offsets::{self, Questions};
use super::positions::Positions;
use super::topic_partition::TopicPartition;
use super::versions::Versions;
use super::wall_clock::WallClock;

/// A request that has to go out.
#[derive(Debug)]
pub struct Outgoing {
    /// To this broker.
    pub node_id: i32,
    /// Its API.
    pub api: Api,
    /// The version to write it in.
    pub api_version: i16,
    /// What it says.
    pub body: RequestBody,
    /// Which request it was, for [`Fetching::handle_response`].
    pub token: FetchToken,
}

/// Names a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchToken(u64);

/// There is no answer, and there will be none: the connection was closed, timed out, or brought nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLost;

/// The fetch side of the consumer.
#[derive(Debug)]
pub struct Fetching {
    positions: Positions,
    fetcher: Fetcher,
    in_flight: BTreeMap<FetchToken, InFlight>,
    last_token: u64,
}

#[derive(Debug)]
enum InFlight {
    Fetch,
    Offsets(Questions),
    Close,
}

impl Fetching {
    /// Without partitions.
    pub fn new(settings: FetchSettings, clock: WallClock) -> Self {
        Fetching {
            fetcher: Fetcher::new(&settings),
            positions: Positions::new(settings, clock),
            in_flight: BTreeMap::new(),
            last_token: 0,
        }
    }

    /// From now on the consumer has these partitions. Those that it had before go on as they were; new ones wait for
    /// [`set_committed`](Self::set_committed) or a seek.
    pub fn assign(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.positions.assign(partitions);
        self.settle();
    }

    /// The partitions, in their order.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.positions.iter().map(|(partition, _)| partition)
    }

    /// Whether a partition is one of them.
    pub fn is_assigned(&self, partition: &TopicPartition) -> bool {
        self.positions.get(partition).is_some()
    }

    /// Another number whenever other partitions may have been assigned.
    pub fn assignments(&self) -> u64 {
        self.positions.assignments()
    }

    /// The partitions whose committed offset has to be looked up now.
    pub fn waiting_for_committed(&self, now: Instant) -> impl Iterator<Item = &TopicPartition> {
        let waiting = self.positions.restless();
        waiting
            .filter(move |(_, assigned)| assigned.phase == Phase::NeedsCommitted && assigned.may_try(now))
            .map(|(partition, _)| partition)
    }

    /// Whether the committed offset of any partition has to be looked up, now or later.
    pub fn waits_for_committed(&self) -> bool {
        self.positions.restless().any(|(_, assigned)| assigned.phase == Phase::NeedsCommitted)
    }

    /// Whether the committed offset of a partition has to be looked up, now or later.
    pub fn needs_committed(&self, partition: &TopicPartition) -> bool {
        self.positions.get(partition).is_some_and(|assigned| assigned.phase == Phase::NeedsCommitted)
    }

    /// What the group has committed for a partition; `None` (an offset of -1 on the wire) is for the reset policy to
    /// decide. Only for answers without an error: an error says nothing about the offset.
    pub fn set_committed(&mut self, partition: &TopicPartition, committed: Option<Place>, now: Instant) {
        self.positions.set_committed(partition, committed.filter(|place| place.offset >= 0), now);
        self.settle();
    }

    /// The broker will not say what the group has committed for a partition. It is asked again after a back-off.
    pub fn committed_refused(&mut self, partition: &TopicPartition, error: ErrorCode, now: Instant) {
        if let Some(epoch) = self.position_epoch(partition).filter(|_| self.needs_committed(partition)) {
            self.positions.offset_request_failed(partition, epoch, Some(error), now);
        }
    }

    /// Goes on at this place. `false` when the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, place: Place) -> bool {
        let is_assigned = self.positions.seek(partition, place);
        self.settle();
        is_assigned
    }

    /// Goes on at an end of the log. `false` when the partition is not assigned.
    pub fn seek_to(&mut self, partition: &TopicPartition, end: ResetTo) -> bool {
        let is_assigned = self.positions.seek_to(partition, end);
        self.settle();
        is_assigned
    }

    /// Fetches nothing more of a partition until [`resume`](Self::resume). `false` when it is not assigned.
    pub fn pause(&mut self, partition: &TopicPartition) -> bool {
        self.set_paused(partition, true)
    }

    /// The end of a [`pause`](Self::pause). `false` when the partition is not assigned.
    pub fn resume(&mut self, partition: &TopicPartition) -> bool {
        self.set_paused(partition, false)
    }

    fn set_paused(&mut self, partition: &TopicPartition, paused: bool) -> bool {
        self.positions.set_paused(partition, paused)
    }

    /// Fetches nothing more of these: they are about to go. Gives back those for which that is news.
    pub fn withhold(&mut self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut news = partitions.to_vec();
        news.retain(|partition| {
            let assigned = self.positions.get_mut(partition);
            assigned.is_some_and(|assigned| !std::mem::replace(&mut assigned.withheld, true))
        });
        news
    }

    /// Whether a partition is paused.
    pub fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.positions.get(partition).is_some_and(Assigned::is_paused)
    }

    /// How far the application has its records: what can be committed. `None` while that is not known.
    pub fn position(&self, partition: &TopicPartition) -> Option<Place> {
        let assigned = self.positions.get(partition).filter(|assigned| assigned.has_position());
        assigned.map(|assigned| assigned.position)
    }

    /// All positions that are known, in the order of the partitions.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Place)> {
        let known = self.positions.iter().filter(|(_, assigned)| assigned.has_position());
        known.map(|(partition, assigned)| (partition, assigned.position))
    }

    /// How many offsets are left up to the high watermark, or up to the last stable offset with `read_committed`;
    /// `None` while that is not known. Up to date as far as [`consumed`](Self::consumed) is.
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        self.positions.lag(partition)
    }

    /// Asks for the end of a partition's log, where it is not known, so that there is a [`lag`](Self::lag) before the first
    /// records come.
    pub fn want_lag(&mut self, partition: &TopicPartition) {
        self.positions.want_lag(partition);
    }

    /// Offsets that the reset policy has found since the last call, in partitions of which nothing was committed. To commit
    /// them makes the next start begin where this one did: `latest` would skip what comes between the two. None of
    /// partitions where the first record counts, nor where the application sought meanwhile.
    pub fn take_pinned(&mut self) -> BTreeMap<TopicPartition, Place> {
        self.positions.take_pinned()
    }

    /// Such an offset could not be committed: [`take_pinned`](Self::take_pinned) tells it again, as long as the partition is
    /// assigned and nothing else has become of it.
    pub fn pin(&mut self, partition: &TopicPartition, place: Place) {
        self.positions.pin(partition, place);
    }

    /// The application has committed an offset of its own: the one that the reset policy finds is not to replace it.
    pub fn unpin(&mut self, partition: &TopicPartition) {
        self.positions.unpin(partition);
    }

    /// The position epoch of a partition: what is fetched for its position carries this number. After a seek, whatever
    /// carries a lower one is out of date. `None` when the partition is not assigned.
    pub fn position_epoch(&self, partition: &TopicPartition) -> Option<u64> {
        self.positions.get(partition).map(|assigned| assigned.position_epoch)
    }

    /// The number of the newest position epoch. What is fetched for positions that come later has a higher one, so a
    /// partition that goes now can be told apart from the same one coming back.
    pub fn last_position_epoch(&self) -> u64 {
        self.positions.last_epoch()
    }

    /// How far records were handed to the application, and what that takes. What is out of date is ignored.
    pub fn delivered(&mut self, delivered: &Delivered, now: Instant) {
        self.fetcher.set_decoded(delivered.decoded_bytes);
        self.consumed(&delivered.consumed, now);
    }

    /// Paused partitions whose records take the room that others need: they are to be thrown away, which
    /// [`consumed`](Self::consumed) tells in turn, and come again when the partitions go on.
    pub fn to_shed(&self) -> Vec<TopicPartition> {
        self.fetcher.to_shed(&self.positions)
    }

    /// What is held and on its way, in bytes.
    #[cfg(test)]
    pub fn used_bytes(&self) -> usize {
        self.fetcher.used_bytes()
    }

    /// How far records were handed to the application. What is out of date is ignored.
    pub fn consumed(&mut self, consumed: &[Consumed], now: Instant) {
        consumed.iter().for_each(|consumed| self.positions.consumed(consumed, now));
        self.settle();
    }

    /// The next request for a broker. `can_send` is asked about a broker that there is something to ask of: `None`
    /// when it cannot take a request now. (If it is not connected, this is the time to connect to it.)
    pub fn next_request(
        &mut self,
        metadata: &mut Metadata,
        now: Instant,
        mut can_send: impl FnMut(i32) -> Option<Versions>,
    ) -> Option<Outgoing> {
        self.positions.look(metadata, now);
        self.settle();
        if let Some(asking) = offsets::next_request(&mut self.positions, metadata, now, &mut can_send) {
            let token = self.remember(InFlight::Offsets(asking.questions));
            let offsets::Asking { node_id, api, api_version, body, .. } = asking;
            return Some(Outgoing { node_id, api, api_version, body, token });
        }
        // A leader that cannot tell what its log was is to be trusted at once.
        self.positions.look(metadata, now);
        let fetch = self.fetcher.next_request(&mut self.positions, metadata, now, &mut can_send)?;
        Some(self.outgoing(fetch, InFlight::Fetch))
    }

    /// When the consumer closes: the next request that closes a fetch session, so that the broker need not keep it.
    /// Nothing depends on it.
    pub fn next_close(&mut self, mut can_send: impl FnMut(i32) -> Option<Versions>) -> Option<Outgoing> {
        let fetch = self.fetcher.next_close(self.positions.settings(), &mut can_send)?;
        Some(self.outgoing(fetch, InFlight::Close))
    }

    /// Whether brokers have not yet answered such requests.
    pub fn is_closing_sessions(&self) -> bool {
        self.in_flight.values().any(|in_flight| matches!(in_flight, InFlight::Close))
    }

    fn outgoing(&mut self, fetch: Fetch, in_flight: InFlight) -> Outgoing {
        let Fetch { node_id, api_version, request } = fetch;
        let token = self.remember(in_flight);
        Outgoing { node_id, api: Api::Fetch, api_version, body: RequestBody::Fetch(request), token }
    }

    fn remember(&mut self, in_flight: InFlight) -> FetchToken {
        self.last_token += 1;
        let token = FetchToken(self.last_token);
        self.in_flight.insert(token, in_flight);
        token
    }

    /// What came of a request. An answer of another kind than was asked for counts as none.
    pub fn handle_response(
        &mut self,
        node_id: i32,
        token: FetchToken,
        answer: Result<ResponseBody, ConnectionLost>,
        metadata: &mut Metadata,
        now: Instant,
    ) {
        let positions = &mut self.positions;
        match (self.in_flight.remove(&token), answer) {
            (Some(InFlight::Fetch), Ok(ResponseBody::Fetch(response))) => {
                self.fetcher.handle_response(node_id, response, positions, metadata, now);
            }
            (Some(InFlight::Fetch), _) => self.fetcher.lost(node_id, positions, metadata),
            (
                Some(InFlight::Offsets(Questions::Resets(questions))),
                Ok(ResponseBody::ListOffsets(response)),
            ) => {
                offsets::handle_list_offsets(questions, &response, positions, metadata, now);
            }
            (
                Some(InFlight::Offsets(Questions::Validations(questions))),
                Ok(ResponseBody::OffsetForLeaderEpoch(response)),
            ) => {
                offsets::handle_epochs(questions, &response, positions, metadata, now);
            }
            (Some(InFlight::Offsets(Questions::Ends(questions))), answer) => {
                let answer = match &answer {
                    Ok(ResponseBody::ListOffsets(response)) => Some(response),
                    _ => None,
                };
                offsets::handle_ends(questions, answer, positions, metadata, now);
            }
            (
                Some(InFlight::Offsets(Questions::Resets(questions) | Questions::Validations(questions))),
                _,
            ) => {
                offsets::unanswered(questions, positions, metadata, now);
            }
            (Some(InFlight::Close) | None, _) => {}
        }
        self.settle();
    }

    /// The next records for the application, in the order in which they came. They count as held until
    /// [`consumed`](Self::consumed) says otherwise, or their partition goes.
    pub fn take_completed(&mut self) -> Option<CompletedFetch> {
        self.fetcher.take_completed(&self.positions)
    }

    /// Why a partition cannot be read.
    pub fn next_error(&mut self) -> Option<FetchError> {
        self.positions.reports.next_error()
    }

    /// What [`next_error`](Self::next_error) has to tell of one partition.
    pub fn error_of(&self, partition: &TopicPartition) -> Option<&FetchError> {
        self.positions.reports.error_of(partition)
    }

    /// Whether [`next_error`](Self::next_error) has something to tell.
    pub fn has_error(&self) -> bool {
        self.positions.reports.has_error()
    }

    /// What was done without being asked.
    pub fn next_notice(&mut self) -> Option<FetchNotice> {
        self.positions.reports.next_notice()
    }

    /// When a back-off ends, so that [`next_request`](Self::next_request) or
    /// [`waiting_for_committed`](Self::waiting_for_committed) may have something; `None` when nothing waits for time.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let partitions = self.positions.restless().filter_map(|(_, assigned)| assigned.retry_at(now)).min();
        partitions.into_iter().chain(self.fetcher.deadline(now)).min()
    }

    /// What no partition holds any more is free.
    fn settle(&mut self) {
        self.fetcher.release(self.positions.take_released(), &self.positions);
    }
}
