//! The task that runs a producer's core, and what it shares with the application.
//!
//! Records do not go over a channel: the application puts them into the core's batches itself, under the core's lock, which
//! nobody holds for longer than it takes to build the batches that are due. The task does all the rest.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use milena_protocol::Limits;
use tokio::sync::{Notify, mpsc, oneshot};

use super::connections::Connections;
use super::{SocketSettings, until};
use crate::consumer::unix_ms;
use crate::core::io::{Event as ConnectionEvent, Update};
use crate::core::producer::Core;
use crate::core::producer::io::{
    Action, CallId, Command, Event, ProducerRecord, RecordMetadata, SendId, Settled,
};
use crate::error::Error;
use crate::trace::Trace;

type Sent = Result<RecordMetadata, Error>;

/// What is shared by the application's handles and the task.
pub(crate) struct Shared {
    core: Mutex<Core>,
    answers: Mutex<Answers>,
    /// There may be something to do.
    wake: Notify,
    /// There may be room for records, or none ever again.
    pub(crate) room: Notify,
}

/// Who waits for what.
#[derive(Default)]
struct Answers {
    records: HashMap<SendId, Interest>,
    calls: HashMap<CallId, oneshot::Sender<Result<(), Error>>>,
    last_call: u64,
    /// The task has ended: nothing will be answered any more.
    is_over: bool,
}

/// Who wants to know what becomes of a record.
pub(crate) enum Interest {
    /// A future that was not polled yet, or waits.
    Waiting(Option<Waker>),
    /// What the future is going to find.
    Done(Sent),
    /// A callback.
    Callback(Callback),
}

type Callback = Box<dyn FnOnce(Sent) + Send>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Takes a record, and notes who wants to know of it; `interest` stays where it is when the record is not taken.
    pub(crate) fn send(
        &self,
        record: &ProducerRecord<'_>,
        interest: &mut Option<Interest>,
    ) -> Result<SendId, Error> {
        let mut core = lock(&self.core);
        // Nobody can settle the record while the core is locked.
        let mut answers = lock(&self.answers);
        if answers.is_over {
            return Err(Error::Closed);
        }
        let now = Instant::now();
        core.tell_time(unix_ms(), now);
        let taken = core.send(record, now)?;
        if let Some(interest) = interest.take() {
            answers.records.insert(taken.id, interest);
        }
        drop((answers, core));
        if taken.wakes {
            self.wake.notify_one();
        }
        Ok(taken.id)
    }

    /// What has become of a record, once; until then `waker` is kept.
    pub(crate) fn poll(&self, id: SendId, waker: &Waker) -> Option<Sent> {
        let mut answers = lock(&self.answers);
        match answers.records.get_mut(&id) {
            Some(Interest::Waiting(known)) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    *known = Some(waker.clone());
                }
                None
            }
            Some(_) => match answers.records.remove(&id) {
                Some(Interest::Done(sent)) => Some(sent),
                _ => Some(Err(Error::Closed)),
            },
            None => Some(Err(Error::Closed)),
        }
    }

    /// Nobody wants to know any more.
    pub(crate) fn forget(&self, id: SendId) {
        lock(&self.answers).records.remove(&id);
    }

    /// Calls the core: the command has arrived when this returns. The future waits for the answer only.
    pub(crate) fn call(&self, command: Command) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        let mut core = lock(&self.core);
        let mut answers = lock(&self.answers);
        let is_over = answers.is_over;
        if !is_over {
            answers.last_call += 1;
            let call = CallId(answers.last_call);
            answers.calls.insert(call, sender);
            core.handle(Event::Called { call, command }, Instant::now());
        }
        drop((answers, core));
        self.wake.notify_one();
        async move { if is_over { Err(Error::Closed) } else { receiver.await.unwrap_or(Err(Error::Closed)) } }
    }

    /// Whether there is room for a record now.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub(crate) fn has_room(&self) -> Result<bool, Error> {
        let core = lock(&self.core);
        if core.is_open() && !lock(&self.answers).is_over { Ok(core.has_room()) } else { Err(Error::Closed) }
    }

    /// The last handle is gone.
    pub(crate) fn abandon(&self) {
        lock(&self.core).handle(Event::Abandoned, Instant::now());
        self.wake.notify_one();
    }

    fn settle(&self, settled: &Settled, trace: &Trace) {
        let mut callbacks = Vec::new();
        let mut wakers = Vec::new();
        let mut answers = lock(&self.answers);
        for (id, sent) in settled.each() {
            let Some(interest) = answers.records.get_mut(&id) else { continue };
            match std::mem::replace(interest, Interest::Waiting(None)) {
                Interest::Waiting(waker) => {
                    *interest = Interest::Done(sent);
                    wakers.extend(waker);
                }
                Interest::Callback(callback) => {
                    answers.records.remove(&id);
                    callbacks.push((callback, sent));
                }
                done @ Interest::Done(_) => *interest = done,
            }
        }
        drop(answers);
        wakers.into_iter().for_each(Waker::wake);
        callbacks.into_iter().for_each(|(callback, sent)| call_back(callback, sent, trace));
    }

    /// The task ends: whoever waits is told.
    fn end(&self, trace: &Trace) {
        let mut answers = lock(&self.answers);
        answers.is_over = true;
        let records = std::mem::take(&mut answers.records);
        answers.calls.clear();
        let mut callbacks = Vec::new();
        let mut wakers = Vec::new();
        for (id, interest) in records {
            match interest {
                Interest::Waiting(waker) => {
                    answers.records.insert(id, Interest::Done(Err(Error::Closed)));
                    wakers.extend(waker);
                }
                Interest::Callback(callback) => callbacks.push(callback),
                done @ Interest::Done(_) => drop(answers.records.insert(id, done)),
            }
        }
        drop(answers);
        wakers.into_iter().for_each(Waker::wake);
        callbacks.into_iter().for_each(|callback| call_back(callback, Err(Error::Closed), trace));
        self.room.notify_waiters();
    }
}

/// Whatever an application's callback does, the others are called, and the task lives on.
fn call_back(callback: Callback, sent: Sent, trace: &Trace) {
    if catch_unwind(AssertUnwindSafe(|| callback(sent))).is_err() {
        trace.callback_panicked();
    }
}

/// Starts the task. It ends when the producer is closed, or abandoned and all of its records are settled.
///
/// # Panics
/// Outside of a tokio runtime.
pub(crate) fn start(core: Core, sockets: SocketSettings, trace: Trace) -> Arc<Shared> {
    let (core, answers) = (Mutex::new(core), Mutex::default());
    let shared = Arc::new(Shared { core, answers, wake: Notify::new(), room: Notify::new() });
    let (connections, events) = Connections::new(Limits::default(), sockets);
    let driver = Driver { shared: Arc::clone(&shared), connections, trace };
    tokio::spawn(driver.run(events));
    shared
}

struct Driver {
    shared: Arc<Shared>,
    connections: Connections,
    trace: Trace,
}

impl Drop for Driver {
    /// Also where the runtime ends first.
    fn drop(&mut self) {
        self.shared.end(&self.trace);
    }
}

impl Driver {
    async fn run(mut self, mut events: mpsc::UnboundedReceiver<ConnectionEvent>) {
        loop {
            let deadline = loop {
                let (action, may_go_on) = {
                    let mut core = lock(&self.shared.core);
                    let action = core.poll(Instant::now());
                    (action, core.has_room() || !core.is_open())
                };
                match action {
                    Action::Wait(deadline) => {
                        if may_go_on {
                            self.shared.room.notify_waiters();
                        }
                        break deadline;
                    }
                    Action::Finish => return,
                    action => self.act(action),
                }
            };
            tokio::select! {
                () = self.shared.wake.notified() => {}
                event = events.recv() => {
                    if let Some(event) = event
                        && self.connections.is_news(&event)
                        && let Some(event) = connection_event(event)
                    {
                        lock(&self.shared.core).handle(event, Instant::now());
                    }
                }
                () = until(deadline) => {}
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { connection, address } => self.connections.open(connection, address),
            Action::Send { connection, request } => self.connections.send(connection, *request),
            Action::Close { connection } => self.connections.close(connection),
            Action::Settled(settled) => self.shared.settle(&settled, &self.trace),
            Action::Answer { call, answer } => {
                let waiting = lock(&self.shared.answers).calls.remove(&call);
                if let Some(waiting) = waiting {
                    let _ = waiting.send(answer);
                }
            }
            Action::Report(report) => self.trace.report(&report),
            Action::Disconnected { address, reason, again } => {
                self.trace.update(&Update::Disconnected { address, reason, again });
            }
            Action::Wait(_) | Action::Finish => unreachable!("these end the acting"),
        }
    }
}

fn connection_event(event: ConnectionEvent) -> Option<Event> {
    Some(match event {
        ConnectionEvent::Connected { connection } => Event::Connected { connection },
        ConnectionEvent::Lost { connection, reason, fault } => Event::Lost { connection, reason, fault },
        ConnectionEvent::Received { connection, response } => Event::Received { connection, response },
        ConnectionEvent::Written { connection } => Event::Written { connection },
        ConnectionEvent::Called { .. } | ConnectionEvent::Delivered(_) | ConnectionEvent::Abandoned => {
            return None;
        }
    })
}
