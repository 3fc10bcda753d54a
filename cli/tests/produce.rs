//! `milena produce` as a process, against the embedded broker.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use milena_broker::Broker;

const MILENA: &str = env!("CARGO_BIN_EXE_milena");

fn broker() -> Broker {
    Broker::builder().topic("t", 1).topic("u", 3).start_blocking().unwrap()
}

fn produce(broker: &Broker, options: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(MILENA)
        .args(["produce", "--bootstrap", &broker.bootstrap_servers()])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended by now, for a reason that it says.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn consume(broker: &Broker, options: &[&str]) -> Vec<u8> {
    let output = Command::new(MILENA)
        .args(["consume", "--bootstrap", &broker.bootstrap_servers(), "--exit-at-end"])
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn lines_become_records_with_keys_headers_and_nulls() {
    let broker = broker();
    let options = ["--topic", "t", "--key-separator", "\\t", "--null-marker", "NULL", "--header", "a=1=2"];
    let options = [&options[..], &["--compression", "zstd", "--acks", "1"]].concat();
    let output = produce(&broker, &options, b"k\tv\nNULL\tv\tw\r\nk\tNULL\n\xff\tlast");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).starts_with("4 records delivered"), "{}", said(&output));
    let read = consume(&broker, &["--assign", "t:0:beginning", "--format", "%k|%s|%K|%S|%h\\n"]);
    let wanted = b"k|v|1|1|a=1=2\n|v\tw|-1|3|a=1=2\nk||1|-1|a=1=2\n\xff|last|1|4|a=1=2\n";
    assert_eq!(read, wanted);
}

#[test]
fn what_consume_prints_can_be_produced_and_is_the_same() {
    let broker = broker();
    let lines = "{\"key\":\"k1\",\"value\":\"v\",\"headers\":[[\"h\",\"1\"],[\"h\",null]],\"partition\":2,\"timestamp\":1700000000123}\n\
                 {\"key\":{\"base64\":\"/w==\"},\"value\":null,\"partition\":0,\"timestamp\":5,\"topic\":\"other\"}\n";
    let output = produce(&broker, &["--topic", "u", "--format", "json"], lines.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let first = consume(&broker, &["--assign", "u", "--offset", "beginning"]);
    let output = produce(&broker, &["--format", "json"], &first);
    assert!(output.status.success(), "{}", said(&output));
    let both = String::from_utf8(consume(&broker, &["--assign", "u", "--offset", "beginning"])).unwrap();
    let mut all: Vec<String> =
        both.lines().map(|line| line.replace("\"offset\":1,", "\"offset\":0,")).collect();
    all.sort();
    assert_eq!(all.len(), 4, "{both}");
    assert_eq!((&all[0], &all[2]), (&all[1], &all[3]));
    assert!(both.contains("\"timestamp\":1700000000123") && both.contains("{\"base64\":\"/w==\"}"), "{both}");
    assert!(both.contains("[[\"h\",\"1\"],[\"h\",null]]"), "{both}");
}

#[test]
fn a_line_that_fails_is_named_and_the_exit_code_is_1() {
    let broker = broker();
    let output = produce(&broker, &["--topic", "t", "--key-separator", ":"], b"a:1\nb\nc:3\n");
    assert_eq!(output.status.code(), Some(1));
    let said_of_it = said(&output);
    assert!(said_of_it.contains("milena: line 2: the line has no --key-separator"), "{said_of_it}");
    assert!(said_of_it.contains("2 records delivered"), "{said_of_it}");
    assert!(said_of_it.contains("milena: 1 record was not delivered"), "{said_of_it}");
    let options = ["--topic", "t", "--partition", "9", "-X", "max.block.ms=200"];
    let output = produce(&broker, &options, b"beyond\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("milena: line 1: finding the partition"), "{}", said(&output));
}

#[test]
fn what_was_called_wrongly_is_said_with_exit_code_2() {
    let broker = broker();
    for (options, wanted) in [
        (&[][..], "--topic is missing"),
        (&["--topic", "t", "--acks", "2"], "acks=2"),
        (&["--topic", "t", "--compression", "brotli"], "compression.type=brotli"),
        (&["--topic", "t", "--header", "x"], "name=value"),
        (&["--topic", "t", "-X", "transactional.id=x"], "transactions"),
        (&["--topic", "t", "-X", "liger.ms=x"], "linger.ms"),
    ] {
        let output = produce(&broker, options, b"");
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(said(&output).contains(wanted), "{options:?}: {}", said(&output));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_delivers_what_was_read() {
    let broker = broker();
    let mut child = Command::new(MILENA)
        .args(["produce", "--bootstrap", &broker.bootstrap_servers(), "--topic", "t"])
        .args(["-X", "linger.ms=60000", "-X", "delivery.timeout.ms=120000"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntwo\n").unwrap();
    input.flush().unwrap();
    // Until it has connected, so that it is past its start.
    while broker.control().disconnect("milena").unwrap() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert!(output.status.success(), "{}", said(&output));
    let end = broker.control().log_end_offset("t", 0).unwrap();
    assert!(said(&output).starts_with(&format!("{end} record")) && end >= 1, "{end} {}", said(&output));
}
