//! `milena groups` and `milena lag`, as far as nothing has to say the same.

use super::common::{command, run};
use crate::cluster::Cluster;

#[test]
fn a_watched_group_is_looked_at_again_and_again_until_ctrl_c() {
    let cluster = Cluster::start();
    let bootstrap = cluster.bootstrap();
    cluster.create_topic("t", 1);
    cluster.fill("t", 100);
    let reset = |offset| {
        let words = ["groups", "reset", "--group", "g", "--topic", "t", "--execute", "--to-offset", offset];
        assert_eq!(run(&bootstrap, &words).0, Some(0));
    };
    reset("10");
    let mut table = command(&bootstrap, &["lag", "--group", "g", "--watch"]);
    let mut json = command(&bootstrap, &["lag", "--group", "g", "--watch", "--json"]);
    let rows = |lines: &[String]| -> Vec<Vec<String>> {
        let rows = lines.iter().filter(|line| line.starts_with("t "));
        rows.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    table.read_until(|lines| rows(lines).len() >= 2);
    reset("90");
    table.read_until(|lines| rows(lines).iter().any(|row| row[4] == "10"));
    json.read_until(|lines| lines.iter().any(|line| line.contains("\"lag\":10,")));
    for mut watching in [table, json] {
        watching.signal("-INT");
        watching.glance();
        let (status, lines, complaints) = watching.finish();
        assert_eq!((status.code(), complaints.as_str()), (Some(0), ""), "{lines:?}");
    }
}

#[test]
fn bad_usage_ends_with_2_and_says_what_is_right() {
    let refused = |words: &[&str], hint: &str| {
        let (code, _, complaint) = run("127.0.0.1:1", words);
        assert_eq!(code, Some(2), "{words:?}");
        assert!(complaint.contains(hint), "{complaint}");
    };
    let reset = ["groups", "reset", "--group", "g"];
    refused(&[&reset[..], &["--to-earliest"]].concat(), "--all-topics");
    refused(&[&reset[..], &["--all-topics"]].concat(), "--to-earliest");
    refused(&[&reset[..], &["--all-topics", "--to-earliest", "--to-latest"]].concat(), "cannot be used with");
    refused(&[&reset[..], &["--all-topics", "--to-datetime", "noon"]].concat(), "2026-01-31T13:00:00Z");
    refused(&[&reset[..], &["--all-topics", "--by-duration", "1 month"]].concat(), "P7D");
    refused(&[&reset[..], &["--topic", "t:x", "--to-latest"]].concat(), "topic:0,1,2");
    refused(&["groups", "describe"], "--group");
    refused(&["lag"], "--group");
    refused(&["lag", "--group", "g", "-X", "fetch.min.byte=1"], "fetch.min.bytes");
}

#[test]
fn a_wrong_port_is_one_line_and_exit_code_1() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bootstrap = format!("127.0.0.1:{port}");
    for words in [&["groups", "list"][..], &["lag", "--group", "g"], &["lag", "--group", "g", "--watch"]] {
        let words = [words, &["-X", "default.api.timeout.ms=1000"]].concat();
        let (code, lines, complaint) = run(&bootstrap, &words);
        assert_eq!((code, lines.len(), complaint.lines().count()), (Some(1), 0, 1), "{complaint}");
        assert!(complaint.contains(&bootstrap), "{complaint}");
    }
}
