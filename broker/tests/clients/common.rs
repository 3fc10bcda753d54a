//! What the tests share.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use milena_broker::{Broker, Builder};
use milena_testdata::{Process, Tools, Version, foreign};

/// How long anything may take: a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(480);

/// A broker for the clients of one test.
pub fn broker() -> Broker {
    quick_groups(Broker::builder())
}

/// Three brokers, so that not all leaders and coordinators are one.
pub fn cluster() -> Broker {
    quick_groups(Broker::builder().brokers(3))
}

/// A broker that lets members of consumer groups send heartbeats more often, so that what they wait for comes sooner.
pub fn quick_groups(builder: Builder) -> Broker {
    let often = ["group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"];
    start(often.into_iter().fold(builder, |builder, name| builder.setting(name, 500)))
}

pub fn start(builder: Builder) -> Broker {
    builder.start_blocking().unwrap()
}

/// Kafka's own tools.
pub fn tools(broker: &Broker) -> Tools {
    Tools::new(Version::V4_3_1, &broker.bootstrap_servers()).unwrap()
}

/// The folder with the clients' programs.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a Python program, which says `ok STEP` after each of its steps: these, no more and no less.
pub fn python(broker: &Broker, program: &str, steps: &[&str]) {
    let python = foreign::python(&folder().join("requirements.txt")).unwrap();
    let mut command = Command::new(python);
    command.args(["-B", "-u"]).arg(folder().join(program)).arg(broker.bootstrap_servers());
    expect_steps(&run(&command, &[]), steps);
}

pub fn expect_steps(said: &str, steps: &[&str]) {
    let done: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("ok ")).collect();
    assert_eq!(done, steps, "the client said:\n{said}");
}

/// Runs a command to its end, which has to be a good one, and gives what it said; `environment` holds `NAME=VALUE`.
pub fn run(command: &Command, environment: &[&str]) -> String {
    let (said, is_good) = outcome(command, environment);
    assert!(is_good, "{command:?} failed:\n{said}");
    said
}

/// The same, and whether the end was a good one.
pub fn outcome(command: &Command, environment: &[&str]) -> (String, bool) {
    // The environment does not pass through `Process`, and both outputs are wanted in their order.
    let mut shell = Command::new("env");
    shell.args(environment).args(["sh", "-c", "exec \"$@\" 2>&1", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    let (mut process, mut output) = Process::spawn(&shell, Stdio::inherit()).unwrap();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        // What a client that was killed left unsaid is no news.
        let _ = output.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let is_over = process.wait(PATIENCE).unwrap();
    let is_good = is_over && process.ended().unwrap().is_some_and(|status| status.success());
    drop(process);
    (reader.join().unwrap(), is_good)
}

/// A file for one test to give to a program.
pub fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}
