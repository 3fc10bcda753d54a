//! The task that runs a consumer's core: it does what the core says, and tells it what happened.
//!
//! ```text
//!   application          task                  connections
//!   Calls    --call-->   Core::handle  <-event--  one task each
//!            <-update--  Core::poll    -request->  (connection.rs)
//!            <-answer--
//! ```
//!
//! It decides nothing, and writes what happens for `tracing`. One loop acts until the core says to wait, then waits for whatever comes first.

mod calls;
mod connection;
mod socket;

use std::collections::HashMap;
use std::future::pending;
use std::time::Instant;

use milena_protocol::{Limits, Request};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::core::connection::ConnectionId;
use crate::core::consumer::Core;
use crate::core::io::{Action, Answer, CallId, Command, Event, Update};
use crate::core::metadata::Address;
use crate::error::Error;
use crate::trace::Trace;

pub(crate) use calls::{Calls, Message, Updates, ends};
pub(crate) use socket::{SocketSettings, connect};

/// Starts the task. It ends when the consumer is closed, or some time after its [`Updates`] are dropped: the group is told
/// goodbye first.
///
/// # Panics
/// Outside of a tokio runtime.
pub(crate) fn start(core: Core, limits: Limits, sockets: SocketSettings, trace: Trace) -> (Calls, Updates) {
    let (message_sender, messages) = mpsc::unbounded_channel();
    let (updates, update_receiver) = mpsc::unbounded_channel();
    let (event_sender, events) = mpsc::unbounded_channel();
    let driver = Driver {
        core,
        limits,
        sockets,
        trace,
        attempts: HashMap::new(),
        updates,
        waiting: HashMap::new(),
        last_call: 0,
        connections: HashMap::new(),
        event_sender,
    };
    tokio::spawn(driver.run(messages, events));
    ends(message_sender, update_receiver)
}

struct Driver {
    core: Core,
    limits: Limits,
    sockets: SocketSettings,
    trace: Trace,
    /// How often it was tried to connect to an address since that went well.
    attempts: HashMap<Address, usize>,
    /// To the application. What the core has fetched ahead is bounded there.
    updates: mpsc::UnboundedSender<Update>,
    /// The calls that have no answer yet.
    waiting: HashMap<CallId, oneshot::Sender<Result<Answer, Error>>>,
    last_call: u64,
    connections: HashMap<ConnectionId, Connection>,
    event_sender: mpsc::UnboundedSender<Event>,
}

/// The task of a connection. It ends when this is dropped.
struct Connection {
    address: Address,
    requests: mpsc::UnboundedSender<Request>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Driver {
    async fn run(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut events: mpsc::UnboundedReceiver<Event>,
    ) {
        let mut abandoned = false;
        loop {
            let deadline = loop {
                match self.core.poll(Instant::now()) {
                    Action::Wait(deadline) => break deadline,
                    Action::Finish => return,
                    action => self.act(action),
                }
            };
            let event = tokio::select! {
                message = messages.recv(), if !abandoned => match message {
                    Some(Message::Call { command, answer }) => self.called(command, answer),
                    Some(Message::Delivered(delivered)) => Event::Delivered(delivered),
                    Some(Message::Abandoned) | None => {
                        abandoned = true;
                        Event::Abandoned
                    }
                },
                event = events.recv() => match event {
                    Some(event) if self.is_news(&event) => event,
                    _ => continue,
                },
                () = until(deadline) => continue,
            };
            self.core.handle(event, Instant::now());
        }
    }

    fn called(&mut self, command: Command, answer: oneshot::Sender<Result<Answer, Error>>) -> Event {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.waiting.insert(call, answer);
        Event::Called { call, command }
    }

    /// Whether the event is about a connection that is still wanted.
    fn is_news(&mut self, event: &Event) -> bool {
        match event {
            Event::Lost { connection, .. } => self.connections.remove(connection).is_some(),
            Event::Connected { connection } => {
                let connected = self.connections.get(connection);
                connected.map(|connected| self.attempts.remove(&connected.address)).is_some()
            }
            Event::Received { connection, .. } => self.connections.contains_key(connection),
            Event::Called { .. } | Event::Delivered(_) | Event::Abandoned => true,
        }
    }

    fn open(&mut self, connection: ConnectionId, address: Address) -> Connection {
        let attempts = self.attempts.entry(address.clone()).or_default();
        let connecting = connect(address.clone(), *attempts, self.sockets);
        *attempts = attempts.wrapping_add(1);
        let (requests, request_receiver) = mpsc::unbounded_channel();
        let events = self.event_sender.clone();
        let task = connection::run(connection, connecting, self.limits, request_receiver, events);
        Connection { address, requests, task: tokio::spawn(task).abort_handle() }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { connection, address } => {
                let opened = self.open(connection, address);
                self.connections.insert(connection, opened);
            }
            Action::Send { connection, request } => {
                // Where the task has ended, its last event says so and is on its way.
                if let Some(connection) = self.connections.get(&connection) {
                    let _ = connection.requests.send(*request);
                }
            }
            Action::Close { connection } => {
                self.connections.remove(&connection);
            }
            // An application that has gone away, or that has given up a call, needs to know nothing.
            Action::Update(update) => {
                self.trace.update(&update);
                let _ = self.updates.send(update);
            }
            Action::Report(report) => self.trace.report(&report),
            Action::Answer { call, answer } => {
                if let Some(waiting) = self.waiting.remove(&call) {
                    let _ = waiting.send(answer);
                }
            }
            Action::Wait(_) | Action::Finish => unreachable!("these end the acting"),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
