//! `milena demo`: runs to its summary.

use std::process::Command;

#[test]
fn the_demo_runs_by_itself_and_every_record_is_read() {
    let output = Command::new(env!("CARGO_BIN_EXE_milena")).arg("demo").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{printed}{complaints}");
    for event in [
        "reader-1 joins the group",
        "reader-2 joins the group",
        "reader-3 joins the group",
        "reader-1 leaves the group",
        "as its leader, in place of",
        "the writer stops",
        "PARTITION  LEADER  OWNER",
        " 0 missing, ",
    ] {
        assert!(printed.contains(event), "{event} is not in:\n{printed}");
    }
    let reader_3_gets = printed.lines().filter(|line| line.contains("reader-3 gets partition")).count();
    assert!(reader_3_gets >= 1, "{printed}");
    let last = printed.lines().last().unwrap();
    assert_eq!(last, "ok: every record was read, in order, by the reader that had its partition");
    assert_eq!(complaints, "");
}

#[test]
fn a_rate_that_cannot_be_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_milena")).args(["demo", "--rate", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
