//! franz-go: a program that uses it, and the tests that its own project has.

use std::process::Command;
use std::thread;

use milena_testdata::foreign;

use crate::common::{cluster, expect_steps, folder, outcome, run, start};

/// What of its tests needs a broker, and is neither about SASL nor about share groups. Patterns as its command takes them.
const SUITE: &str = "TestGroupETL|TestIssue|TestPauseIssue|TestTxnEtl";
/// Those that there are, in the order of their names.
const TESTS: [&str; 17] = [
    "TestGroupETL",
    "TestIssue1034",
    "TestIssue1377",
    "TestIssue325",
    "TestIssue337",
    "TestIssue434",
    "TestIssue523",
    "TestIssue648",
    "TestIssue769",
    "TestIssue810",
    "TestIssue831",
    "TestIssue865",
    "TestIssueFetchLargerThanBrokerMaxReadBytes",
    "TestIssueProduceSyncManualPartitionNegativeDoesNotPanic",
    "TestPauseIssue489",
    "TestPauseIssueOct2023",
    "TestTxnEtl",
];
/// Skips itself with a broker that offers the old versions of Produce, as Kafka 4 does.
const SKIPPED: &str = "TestIssueProduceBrokerTooOldFailsRecords";

#[test]
fn franz_go_finds_a_kafka() {
    let broker = cluster();
    let mut program = Command::new(foreign::go(&folder().join("franz-go"), None).unwrap());
    program.arg(broker.bootstrap_servers());
    expect_steps(&run(&program, &[]), &["records", "group", "admin", "transactions"]);
}

/// `go test -count=1 -timeout 8m -run ... github.com/twmb/franz-go/pkg/kgo`, with connections that break and without.
#[test]
fn franz_gos_own_tests_pass() {
    let package = "github.com/twmb/franz-go/pkg/kgo";
    let program = foreign::go(&folder().join("franz-go"), Some(package)).unwrap();
    // They wait most of the time: both at once.
    let runs = ["KGO_TEST_CHAOS=0", "KGO_TEST_CHAOS=1"].map(|chaos| {
        let mut command = Command::new(&program);
        command.args(["-test.count=1", "-test.timeout=8m", "-test.v", "-test.run", SUITE]);
        thread::spawn(move || {
            let broker = start(milena_broker::Broker::builder());
            let seeds = format!("KGO_SEEDS={}", broker.bootstrap_servers());
            let quiet = "KGO_LOG_LEVEL=none";
            outcome(&command, &[&seeds, chaos, quiet, "KGO_TEST_RF=1", "KGO_TEST_RECORDS=5000"])
        })
    });
    for run in runs {
        let (said, is_good) = run.join().unwrap();
        let ended = |how: &str| -> Vec<&str> {
            let lines = said.lines().filter_map(|line| line.strip_prefix(&format!("--- {how}: ")));
            let mut names: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
            names.sort_unstable();
            names
        };
        assert!(is_good, "failed: {:?}\n{said}", ended("FAIL"));
        assert_eq!(ended("PASS"), TESTS, "{said}");
        assert_eq!(ended("SKIP"), [SKIPPED], "{said}");
    }
}
