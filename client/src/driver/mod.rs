//! The task that runs a consumer's core (a producer's: `producer.rs`): it does what the core says, and tells it what happened.
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
mod connections;
mod producer;
mod socket;

use std::collections::HashMap;
use std::future::pending;
use std::time::Instant;

use milena_protocol::Limits;
use tokio::sync::{mpsc, oneshot};

use crate::core::consumer::Core;
use crate::core::io::{Action, Answer, CallId, Command, Event, Update};
use crate::error::Error;
use crate::trace::Trace;

use connections::Connections;

pub(crate) use calls::{Calls, Message, Updates, ends};
pub(crate) use producer::{Interest, Shared, start as start_producer};
pub(crate) use socket::{SocketSettings, connect};

/// Starts the task. It ends when the consumer is closed, or some time after its [`Updates`] are dropped: the group is told
/// goodbye first.
///
/// # Panics
/// Outside of a tokio runtime.
pub(crate) fn start(core: Core, limits: Limits, sockets: SocketSettings, trace: Trace) -> (Calls, Updates) {
    let (message_sender, messages) = mpsc::unbounded_channel();
    let (updates, update_receiver) = mpsc::unbounded_channel();
    let (connections, events) = Connections::new(limits, sockets);
    let driver = Driver { core, trace, updates, waiting: HashMap::new(), last_call: 0, connections };
    tokio::spawn(driver.run(messages, events));
    ends(message_sender, update_receiver)
}

struct Driver {
    core: Core,
    trace: Trace,
    /// To the application. What the core has fetched ahead is bounded there.
    updates: mpsc::UnboundedSender<Update>,
    /// The calls that have no answer yet.
    waiting: HashMap<CallId, oneshot::Sender<Result<Answer, Error>>>,
    last_call: u64,
    connections: Connections,
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
                    Some(event) if self.connections.is_news(&event) => event,
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

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { connection, address } => self.connections.open(connection, address),
            Action::Send { connection, request } => self.connections.send(connection, *request),
            Action::Close { connection } => self.connections.close(connection),
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
