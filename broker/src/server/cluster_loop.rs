//! The loop around the core: does what it says, and tells it what happens.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use milena_protocol::Limits;
use tokio::sync::{mpsc, oneshot};

use super::Order;
use super::connection::{self, Connection, Reply};
use super::input::Input;
use super::listeners::Listeners;
use crate::core::io::{Action, ConnectionId, Event};
use crate::core::{Core, WallClock};
use crate::settings::Settings;

/// How much may be on its way to the loop.
const INPUTS: usize = 1024;

/// What the loop is given.
pub(super) struct Setup {
    pub core: Core,
    /// The time of day as the core has been told.
    pub clock: WallClock,
    pub bound: Vec<(i32, StdListener, SocketAddr)>,
    pub limits: (Limits, Option<Duration>),
    /// What tests ask for.
    pub orders: mpsc::UnboundedReceiver<Order>,
    /// Ends the loop when its other side is dropped.
    pub dropped: oneshot::Receiver<()>,
}

/// The bounds of a connection: of its requests, and of its idleness.
pub(super) fn limits(settings: &Settings) -> (Limits, Option<Duration>) {
    let mut limits = Limits::default();
    limits.frame_bytes = settings.int("socket.request.max.bytes") as usize;
    let idle = u64::try_from(settings.long("connections.max.idle.ms")).ok().map(Duration::from_millis);
    (limits, idle)
}

/// Runs a cluster until its handle is dropped.
pub(super) fn run(setup: Setup) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(setup)),
        Err(error) => tracing::error!(%error, "a broker has no runtime"),
    }
}

async fn serve(setup: Setup) {
    let Setup { core, clock, bound, limits, mut orders, mut dropped } = setup;
    let (inputs, mut incoming) = mpsc::channel(INPUTS);
    let listeners = match Listeners::new(bound, inputs.clone()) {
        Ok(listeners) => listeners,
        Err(error) => {
            tracing::error!(%error, "a broker cannot listen");
            return;
        }
    };
    let mut cluster = ClusterLoop {
        core,
        clock,
        limits,
        listeners,
        inputs,
        connections: BTreeMap::new(),
        next_connection: 0,
    };
    loop {
        let deadline = cluster.act().await;
        tokio::select! {
            // Only the loop's own sender could make this None.
            Some(input) = incoming.recv() => cluster.take(input),
            Some(order) = orders.recv() => {
                let now = cluster.now();
                let told = order(&mut cluster.core, now);
                // Ports are closed and connections cut before anybody is told that they are.
                cluster.act().await;
                told();
            }
            () = until(deadline) => { cluster.now(); }
            _ = &mut dropped => return,
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

struct ClusterLoop {
    core: Core,
    clock: WallClock,
    limits: (Limits, Option<Duration>),
    listeners: Listeners,
    inputs: mpsc::Sender<Input>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<Reply>>,
    next_connection: u64,
}

impl ClusterLoop {
    /// Does what the core says until it says to wait, and until when.
    async fn act(&mut self) -> Option<Instant> {
        loop {
            match self.core.poll(Instant::now()) {
                Action::Send { connection, response } => self.reply(connection, Reply::Send(response)),
                Action::SendCut { connection, response, bytes } => {
                    self.reply(connection, Reply::Cut(response, bytes));
                    self.connections.remove(&connection);
                }
                Action::Skip { connection } => self.reply(connection, Reply::Skip),
                Action::Close { connection } => drop(self.connections.remove(&connection)),
                Action::Listen { node_id } => self.listeners.open(node_id).await,
                Action::Unlisten { node_id } => self.listeners.close(node_id).await,
                Action::Wait(deadline) => return deadline,
            }
        }
    }

    /// What time it is. The time of day is compared with the real one each time: while a machine sleeps, and when its clock
    /// is set, that goes another way than the monotonic one.
    fn now(&mut self) -> Instant {
        let now = Instant::now();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(by_ms) = self.clock.follow(now, since_1970.as_millis() as i64) {
            self.core.handle(Event::ClockStepped { by_ms }, now);
        }
        now
    }

    fn reply(&mut self, connection: ConnectionId, reply: Reply) {
        let sent = self.connections.get(&connection).map(|replies| replies.try_send(reply));
        // One request is under way at a time, and so one reply.
        if let Some(Err(mpsc::error::TrySendError::Full(_))) = sent {
            self.connections.remove(&connection);
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Accepted { node_id, stream, peer } => {
                let id = ConnectionId(self.next_connection);
                self.next_connection += 1;
                let (sender, replies) = mpsc::channel(1);
                self.connections.insert(id, sender);
                let (limits, idle) = self.limits;
                let inputs = self.inputs.clone();
                let connection = Connection { id, stream, limits, idle, replies, inputs };
                // It must be known before its first request comes.
                let client_host = peer.ip().to_string();
                self.core.handle(Event::Connected { connection: id, node_id, client_host }, now);
                tokio::spawn(connection::serve(connection));
            }
            Input::Event(event) => {
                if let Event::Lost { connection } = event {
                    self.connections.remove(&connection);
                }
                self.core.handle(event, now);
            }
        }
    }
}
