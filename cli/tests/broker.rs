//! `milena broker` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const MILENA: &str = env!("CARGO_BIN_EXE_milena");

/// A command that runs, and what it has printed.
struct Running {
    child: Child,
    lines: Vec<String>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Starts `milena broker`, and waits for as many lines.
    fn start(options: &[&str], lines: usize) -> Running {
        let mut command = Command::new(MILENA);
        command
            .arg("broker")
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut running = Running { child, lines: Vec::new(), stdout };
        for _ in 0..lines {
            let mut line = String::new();
            running.stdout.read_line(&mut line).unwrap();
            running.lines.push(line.trim_end().to_owned());
        }
        running
    }

    fn bootstrap(&self) -> &str {
        self.lines[0].strip_prefix("bootstrap.servers=").unwrap_or_else(|| panic!("{:?}", self.lines))
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.bootstrap().split(',').map(|address| address.parse().unwrap()).collect()
    }

    /// Asks it to end, and gives back how it did, and all that it printed beside the first lines.
    fn end(mut self, signal: &str) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a broker answers there.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // ApiVersions v0 with the correlation id 7.
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).unwrap();
    let mut head = [0; 8];
    stream.read_exact(&mut head).is_ok() && head[4..] == [0, 0, 0, 7]
}

/// Runs the command to its end, which comes by itself: exit code, standard error.
fn fails(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(MILENA).args(words).output().unwrap();
    assert_eq!(output.stdout, b"");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// As many ports in a row that are free by now.
fn free_ports(count: u16) -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let Some(last) = first.checked_add(count - 1) else { continue };
        if (first..=last).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}

#[test]
fn it_says_where_it_is_once_it_is_there_and_ends_when_it_is_told_to() {
    for signal in ["-INT", "-TERM"] {
        let options = ["--port", "0", "--topic", "orders:6", "--topic", "t", "--setting", "num.partitions=2"];
        let running = Running::start(&options, 3);
        assert_eq!(running.lines[1..], ["topic=orders:6", "topic=t:2"]);
        let address = running.addresses()[0];
        assert!(answers(address));
        let (status, rest) = running.end(signal);
        assert!(status.success() && rest.is_empty(), "{signal}: {status} {rest}");
        assert!(!answers(address));
    }
}

/// Three brokers, and the port of the first. Somebody else may take a port that was free a moment ago.
fn in_a_row() -> (u16, Running) {
    for _ in 0..20 {
        let port = free_ports(3);
        let options = ["--port", &port.to_string(), "--brokers", "3", "--rack", "a", "--rack", "b"];
        let running = Running::start(&options, 1);
        if !running.lines[0].is_empty() {
            return (port, running);
        }
    }
    panic!("there are no three ports in a row");
}

#[test]
fn brokers_have_ports_in_a_row() {
    let (port, running) = in_a_row();
    let addresses = running.addresses();
    assert_eq!(addresses.iter().map(SocketAddr::port).collect::<Vec<_>>(), [port, port + 1, port + 2]);
    assert!(addresses.into_iter().all(answers));
}

#[test]
fn a_port_that_is_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (code, complaint) = fails(&["broker", "--port", &port.to_string()]);
    assert_eq!(code, Some(1));
    let expected = format!(
        "milena: port {port} is in use; choose another with --port, or let the system choose with --port 0\n"
    );
    assert_eq!(complaint, expected);
    // The second of two.
    let (code, complaint) = fails(&["broker", "--brokers", "2", "--port", &(port - 1).to_string()]);
    assert_eq!(code, Some(1));
    let (either, or) = (port - 1, port);
    let expected =
        |port: u16| format!("milena: port {port} is in use, and 2 brokers from --port {either} on need it");
    assert!(complaint.starts_with(&expected(either)) || complaint.starts_with(&expected(or)), "{complaint}");
}

#[test]
fn a_file_says_when_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, config) = (folder.path().join("ready"), folder.path().join("server.properties"));
    std::fs::write(&config, "num.partitions=5\nlog.dirs=/nowhere\nauto.create.topics.enable=false\n")
        .unwrap();
    std::fs::write(&ready, "of a run that was killed").unwrap();
    let (ready_text, config) = (ready.to_str().unwrap(), config.to_str().unwrap());
    let options = [
        "--port",
        "0",
        "--ready-file",
        ready_text,
        "--config",
        config,
        "--topic",
        "t",
        "-X",
        "num.partitions=4",
    ];
    let running = Running::start(&options, 2);
    let lines = std::fs::read_to_string(&ready).unwrap();
    assert_eq!(lines.lines().collect::<Vec<_>>(), running.lines);
    assert_eq!(running.lines[1], "topic=t:4");
    assert!(running.end("-TERM").0.success());
    assert!(!ready.exists());
}

#[test]
fn clients_are_told_the_name_that_is_advertised() {
    let running = Running::start(&["--port", "0", "--host", "0.0.0.0", "--advertise", "kafka.example"], 1);
    assert!(running.bootstrap().starts_with("kafka.example:"), "{}", running.bootstrap());
    let running = Running::start(&["--port", "0", "--host", "0.0.0.0"], 1);
    assert!(running.addresses()[0].ip().is_loopback());
    assert!(answers(running.addresses()[0]));
}

#[test]
fn mistakes_at_the_command_line_are_told() {
    for (words, expected) in [
        (&["broker", "--setting", "num.partition=3"][..], "did you mean num.partitions?"),
        (&["broker", "--setting", "num.partitions"], "a setting is written as name=value"),
        (&["broker", "--topic", "t:x"], "\"x\" is no number of partitions"),
        (&["broker", "--topic", "a b"], "topic \"a b\" is not possible"),
        (&["broker", "--topic", "t:1:2"], "it can have from one replica up to one on each broker"),
        (&["broker", "--brokers", "0"], "--brokers"),
        (&["broker", "--port", "65535", "--brokers", "2"], "leaves no room for 2 brokers"),
    ] {
        let (code, complaint) = fails(words);
        assert!(code == Some(2) && complaint.contains(expected), "{words:?}: {complaint}");
    }
    let (code, complaint) = fails(&["broker", "--port", "0", "--host", "192.0.2.1"]);
    assert_eq!(
        (code, &complaint[..]),
        (Some(1), "milena: 192.0.2.1 is no address of this machine; choose another --host\n")
    );
}

#[test]
fn who_has_no_broker_learns_how_to_get_one() {
    let (code, complaint) = fails(&["consume", "--topic", "t", "--group", "g"]);
    assert!(code == Some(2) && complaint.contains("`milena broker` runs one"), "{complaint}");
}

#[test]
fn milena_reads_from_it() {
    let running = Running::start(&["--port", "0", "--topic", "t:2"], 2);
    let words = [
        "consume",
        "--bootstrap",
        running.bootstrap(),
        "--topic",
        "t",
        "--group",
        "g",
        "--from-beginning",
        "--exit-at-end",
    ];
    let output = Command::new(MILENA).args(words).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout.is_empty(), "{complaint}");
}
