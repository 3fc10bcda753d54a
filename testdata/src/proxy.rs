//! A TCP proxy in front of one broker that changes nothing and keeps every frame that passes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Doing;
use crate::{Error, ports};

/// Far above what the recorded clients send; what is longer is not Kafka's protocol.
const LONGEST_FRAME: usize = 100 << 20;

/// Who sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A client: the frame is a request.
    Client,
    /// The broker: the frame is a response.
    Broker,
}

/// A request or a response, as it passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which connection it was on; they count from 1, in the order in which they were opened.
    pub connection: u32,
    /// Who sent it.
    pub from: Side,
    /// Its bytes, without the four of the length before them.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The frame as a line of a capture file, which is a JSON object.
    pub fn line(&self) -> String {
        let from = match self.from {
            Side::Client => "client",
            Side::Broker => "broker",
        };
        let frame = STANDARD.encode(&self.bytes);
        format!(r#"{{"connection":{},"from":"{from}","frame":"{frame}"}}"#, self.connection)
    }
}

/// A listening proxy. It goes on until the process ends.
pub struct Proxy {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    broker: Option<String>,
    frames: Vec<Frame>,
}

impl Proxy {
    /// Listens on a free port. The broker behind it has to advertise that port, so it is told later where the broker is.
    pub fn start() -> Result<Self, Error> {
        let port = ports::free_port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).doing("listening as a proxy")?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for (client, connection) in listener.incoming().zip(1..) {
                let Some(broker) = lock(&accepting).broker.clone() else { continue };
                // A connection that cannot be made is the client's to notice: its own is closed.
                let _ = client.and_then(|client| join(client, &broker, connection, &accepting));
            }
        });
        Ok(Self { port, shared })
    }

    /// The port on 127.0.0.1 that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where connections lead from now on. Until it is said, they are closed at once.
    pub fn forward_to(&self, broker: &str) {
        lock(&self.shared).broker = Some(broker.to_owned());
    }

    /// The frames that passed since the last call, in the order in which they came.
    pub fn take_frames(&self) -> Vec<Frame> {
        std::mem::take(&mut lock(&self.shared).frames)
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(client: TcpStream, broker: &str, connection: u32, shared: &Arc<Mutex<Shared>>) -> io::Result<()> {
    let broker = TcpStream::connect(broker)?;
    for stream in [&client, &broker] {
        stream.set_nodelay(true)?;
    }
    let ways = [(client.try_clone()?, broker.try_clone()?, Side::Client), (broker, client, Side::Broker)];
    for (from, to, side) in ways {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Either end may break the connection off; what matters is that the other end hears of it.
            let _ = pass_on(&from, &to, side, connection, &shared);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn pass_on(
    mut from: &TcpStream,
    mut to: &TcpStream,
    side: Side,
    connection: u32,
    shared: &Mutex<Shared>,
) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let count = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if count > LONGEST_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes)?;
        let whole = [&length, bytes.as_slice()].concat();
        // Kept before it is sent, so that no response comes before its request.
        lock(shared).frames.push(Frame { connection, from: side, bytes });
        to.write_all(&whole)?;
    }
}
