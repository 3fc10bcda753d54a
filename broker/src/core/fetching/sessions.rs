//! Fetch sessions: a broker remembers what a client asks for, and tells it what has changed (KIP-227).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_protocol::messages::FetchRequest;
use milena_protocol::messages::fetch::PartitionData;
use milena_protocol::{ErrorCode, Str, Uuid};

use super::{Position, TOPIC_IDS, Target};
use crate::core::catalog::Catalog;
use crate::core::requests::Context;
use crate::core::rng::Rng;

/// No session.
const NO_SESSION: i32 = 0;
/// Opens a session.
const INITIAL_EPOCH: i32 = 0;
/// Closes a session.
const FINAL_EPOCH: i32 = -1;

/// How long a session is safe from having to make room for another (`min.incremental.fetch.session.eviction.ms`).
const SAFE_FOR: Duration = Duration::from_secs(120);

/// What a request has to do with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing.
    Sessionless,
    /// It asks for a new one.
    Full { uses_ids: bool },
    /// It is the next of one, which has this epoch when it is answered.
    Incremental { session_id: i32, epoch: i32 },
}

/// What a partition is known by: its topic's id, or where there is none its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Id(Uuid, i32),
    Name(Option<Str>, i32),
}

impl Key {
    fn of(target: &Target) -> Self {
        match target.topic_id.is_zero() {
            true => Key::Name(target.topic.clone(), target.partition),
            false => Key::Id(target.topic_id, target.partition),
        }
    }
}

/// What a session knows of a partition.
#[derive(Debug)]
struct Cached {
    target: Target,
    position: Position,
    /// What the client was told last.
    high_watermark: i64,
    log_start_offset: i64,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    uses_ids: bool,
    created: Instant,
    used: Instant,
    /// In the order in which they are read: those that had something go to the end.
    partitions: BTreeMap<u64, Cached>,
    order: BTreeMap<Key, u64>,
    next: u64,
}

/// The sessions of one broker.
#[derive(Debug)]
pub(super) struct Sessions {
    slots: usize,
    rng: Rng,
    sessions: BTreeMap<i32, Session>,
}

impl Sessions {
    /// Room for as many.
    pub fn new(slots: usize, seed: u64) -> Self {
        Sessions { slots, rng: Rng::new(seed), sessions: BTreeMap::new() }
    }

    /// Whether a session, unless it is gone, has this epoch.
    pub fn is_at(&self, session_id: i32, epoch: i32) -> bool {
        self.sessions.get(&session_id).is_none_or(|session| session.epoch == epoch)
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }

    /// What a request asks for: what it says, or what its session has.
    ///
    /// # Errors
    /// When there is no such session, or this is not its next request.
    pub fn enter(
        &mut self,
        catalog: &Catalog,
        context: &Context<'_>,
        request: &FetchRequest,
    ) -> Result<(Mode, Vec<(Target, Position)>), ErrorCode> {
        let uses_ids = context.version >= TOPIC_IDS;
        let asked = asked(catalog, uses_ids, request);
        if matches!(request.session_epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            self.sessions.remove(&request.session_id);
            let mode = match request.session_epoch {
                FINAL_EPOCH => Mode::Sessionless,
                _ => Mode::Full { uses_ids },
            };
            return Ok((mode, asked));
        }
        let session_id = request.session_id;
        let session = self.sessions.get_mut(&session_id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_ids != uses_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        for (target, position) in &asked {
            session.put(target, *position);
        }
        for target in forgotten(catalog, uses_ids, request) {
            session.remove(&target);
        }
        if session.partitions.is_empty() {
            self.sessions.remove(&session_id);
            return Ok((Mode::Sessionless, asked));
        }
        session.used = context.now;
        session.epoch = following(session.epoch);
        for cached in session.partitions.values_mut().filter(|cached| cached.target.topic.is_none()) {
            cached.target.topic = name(catalog, cached.target.topic_id);
        }
        let all =
            session.partitions.values().map(|cached| (cached.target.clone(), cached.position)).collect();
        Ok((Mode::Incremental { session_id, epoch: session.epoch }, all))
    }

    /// Leaves in an answer what the client does not know yet, and gives back the session to tell it of.
    ///
    /// # Errors
    /// When the session has gone on meanwhile.
    pub fn leave(
        &mut self,
        mode: Mode,
        opens: &[(Target, Position)],
        answer: &mut Vec<(Target, PartitionData)>,
        now: Instant,
    ) -> Result<i32, (i32, ErrorCode)> {
        match mode {
            Mode::Sessionless => Ok(NO_SESSION),
            Mode::Full { uses_ids } => Ok(self.open(uses_ids, opens, answer, now)),
            Mode::Incremental { session_id, epoch } => {
                let Some(session) = self.sessions.get_mut(&session_id) else {
                    // It has made room for another: the answer is still right, and the next request will be told.
                    answer.retain(|(_, data)| is_news(data));
                    return Ok(session_id);
                };
                if session.epoch != epoch {
                    return Err((session_id, ErrorCode::INVALID_FETCH_SESSION_EPOCH));
                }
                answer.retain(|(target, data)| session.is_news(target, data));
                Ok(session_id)
            }
        }
    }

    fn open(
        &mut self,
        uses_ids: bool,
        opens: &[(Target, Position)],
        answer: &[(Target, PartitionData)],
        now: Instant,
    ) -> i32 {
        if self.sessions.len() >= self.slots && !self.make_room(answer.len(), now) {
            return NO_SESSION;
        }
        let mut session = Session {
            epoch: following(INITIAL_EPOCH),
            uses_ids,
            created: now,
            used: now,
            partitions: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
        };
        opens.iter().for_each(|(target, position)| session.put(target, *position));
        for (target, data) in answer {
            session.is_news(target, data);
        }
        let mut id = NO_SESSION;
        while id == NO_SESSION || self.sessions.contains_key(&id) {
            id = (self.rng.next_u64() >> 33) as i32;
        }
        self.sessions.insert(id, session);
        id
    }

    /// Whether a session could be closed for one of this size: one that is not used, or that is old and not larger.
    fn make_room(&mut self, size: usize, now: Instant) -> bool {
        let Some((&stale, last)) = self.sessions.iter().min_by_key(|(_, session)| session.used) else {
            return false;
        };
        let victim = match now.duration_since(last.used) > SAFE_FOR {
            true => Some(stale),
            false => self
                .sessions
                .iter()
                .filter(|(_, session)| now.duration_since(session.created) > SAFE_FOR)
                .min_by_key(|(id, session)| (session.partitions.len(), **id))
                .filter(|(_, session)| session.partitions.len() <= size)
                .map(|(id, _)| *id),
        };
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}

impl Session {
    fn put(&mut self, target: &Target, position: Position) {
        let key = Key::of(target);
        if let Some(cached) = self.order.get(&key).and_then(|at| self.partitions.get_mut(at)) {
            cached.position = position;
            return;
        }
        // Names live as long as the session, so they must not hold the frame that they came in.
        let topic = target.topic.as_ref().map(Str::detached);
        let target = Target { topic, ..target.clone() };
        let cached = Cached { target, position, high_watermark: -1, log_start_offset: -1 };
        self.append(key, cached);
    }

    fn append(&mut self, key: Key, cached: Cached) {
        self.order.insert(key, self.next);
        self.partitions.insert(self.next, cached);
        self.next += 1;
    }

    fn remove(&mut self, target: &Target) {
        if let Some(at) = self.order.remove(&Key::of(target)) {
            self.partitions.remove(&at);
        }
    }

    /// Whether the client does not know this yet; it does from now on.
    fn is_news(&mut self, target: &Target, data: &PartitionData) -> bool {
        let key = Key::of(target);
        let Some(&at) = self.order.get(&key) else {
            return false;
        };
        let Some(cached) = self.partitions.get_mut(&at) else {
            return false;
        };
        let differs =
            (cached.high_watermark, cached.log_start_offset) != (data.high_watermark, data.log_start_offset);
        cached.high_watermark = data.high_watermark;
        cached.log_start_offset = data.log_start_offset;
        if !data.error_code.is_none() {
            // So that it is told when the error has gone.
            cached.high_watermark = -1;
        }
        if has_records(data)
            && let Some(cached) = self.partitions.remove(&at)
        {
            self.append(key, cached);
        }
        differs || is_news(data)
    }
}

/// Whether this has to be told, whatever was told before.
fn is_news(data: &PartitionData) -> bool {
    has_records(data)
        || !data.error_code.is_none()
        || data.preferred_read_replica >= 0
        || data.diverging_epoch.epoch >= 0
}

fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// Epochs go from the largest back to 1.
fn following(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

fn name(catalog: &Catalog, id: Uuid) -> Option<Str> {
    catalog.topic_by_id(id).map(|topic| topic.name.clone())
}

/// What the request itself asks for; of what it names twice, the last.
fn asked(catalog: &Catalog, uses_ids: bool, request: &FetchRequest) -> Vec<(Target, Position)> {
    let mut asked: Vec<(Target, Position)> = Vec::new();
    let mut places = BTreeMap::new();
    for topic in &request.topics {
        let known = if uses_ids { name(catalog, topic.topic_id) } else { Some(topic.topic.clone()) };
        for partition in &topic.partitions {
            let topic_id = if uses_ids { topic.topic_id } else { Uuid::ZERO };
            let target = Target { topic: known.clone(), topic_id, partition: partition.partition };
            let position = Position {
                offset: partition.fetch_offset,
                max_bytes: partition.partition_max_bytes,
                current_leader_epoch: partition.current_leader_epoch,
                last_fetched_epoch: partition.last_fetched_epoch,
            };
            let place = *places.entry(Key::of(&target)).or_insert(asked.len());
            match asked.get_mut(place) {
                Some((_, known)) => *known = position,
                None => asked.push((target, position)),
            }
        }
    }
    asked
}

fn forgotten(catalog: &Catalog, uses_ids: bool, request: &FetchRequest) -> impl Iterator<Item = Target> {
    request.forgotten_topics_data.iter().flat_map(move |topic| {
        let known = if uses_ids { name(catalog, topic.topic_id) } else { Some(topic.topic.clone()) };
        let topic_id = if uses_ids { topic.topic_id } else { Uuid::ZERO };
        topic.partitions.iter().map(move |partition| Target {
            topic: known.clone(),
            topic_id,
            partition: *partition,
        })
    })
}
