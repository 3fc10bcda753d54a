//! The command as a process, and records that no tool of Kafka's writes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use milena_codec::ClientCodec;
use milena_protocol::messages::ProduceRequest;
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::{Request, ResponseBody};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

/// Nothing here takes longer, on a slow machine neither.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A consumer process, ours or Kafka's, and what it prints.
pub struct Reader {
    pub child: Child,
    pub lines: Receiver<String>,
    pub seen: Vec<String>,
    complaints: BufReader<ChildStderr>,
}

impl Reader {
    pub fn start(command: &mut Command) -> Reader {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let complaints = BufReader::new(child.stderr.take().unwrap());
        Reader { child, lines, seen: Vec::new(), complaints }
    }

    /// Reads lines until `enough`, or the end.
    pub fn read_until(&mut self, enough: impl Fn(&[String]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !enough(&self.seen) {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("after {} lines, nothing more came", self.seen.len())
                }
            }
        }
    }

    /// Takes what has come by now.
    pub fn glance(&mut self) {
        self.seen.extend(self.lines.try_iter());
    }

    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// The next line that it says on standard error.
    pub fn complaint(&mut self) -> String {
        let mut line = String::new();
        self.complaints.read_line(&mut line).unwrap();
        line
    }

    /// Waits for the end; gives back its code, what was printed, and what was said on standard error.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>, String) {
        self.read_until(|_| false);
        let seen = std::mem::take(&mut self.seen);
        let mut complaints = String::new();
        self.complaints.read_to_string(&mut complaints).unwrap();
        (self.child.wait().unwrap(), seen, complaints)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn milena(bootstrap: &str, topic: &str, group: &str, options: &[&str]) -> Reader {
    consume(bootstrap, &[&["--topic", topic, "--group", group], options].concat())
}

/// `milena consume` with these options.
pub fn consume(bootstrap: &str, options: &[&str]) -> Reader {
    command(bootstrap, &[&["consume"], options].concat())
}

/// Any command of milena's that talks to brokers.
pub fn command(bootstrap: &str, words: &[&str]) -> Reader {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milena"));
    Reader::start(command.args(words).args(["--bootstrap", bootstrap]))
}

/// Runs one to its end: its exit code, what it printed, what it said on standard error.
pub fn run(bootstrap: &str, words: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let (status, lines, complaints) = command(bootstrap, words).finish();
    (status.code(), lines, complaints)
}

/// Writes a batch to the first partition of a topic.
#[tokio::main(flavor = "current_thread")]
pub async fn produce(bootstrap: &str, topic: &str, records: Bytes) {
    let mut partition = PartitionProduceData::default();
    partition.records = Some(records);
    let mut data = TopicProduceData::default();
    data.name = topic.into();
    data.partition_data = vec![partition];
    let mut request = ProduceRequest::default();
    request.acks = -1;
    request.timeout_ms = 10_000;
    request.topic_data = vec![data];
    let stream = TcpStream::connect(bootstrap).await.unwrap();
    let mut broker = Framed::new(stream, ClientCodec::default());
    broker.send(Request::new(request, 9, 1, None)).await.unwrap();
    let ResponseBody::Produce(response) = broker.next().await.unwrap().unwrap().body else { panic!() };
    assert!(response.responses[0].partition_responses[0].error_code.is_none(), "{response:?}");
}
