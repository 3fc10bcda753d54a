//! Configurations from code and from text.

use super::*;

fn config() -> Config {
    Config::new("localhost:9092").unwrap()
}

fn refusal(name: &str, value: &str) -> String {
    config().set(name, value).unwrap_err().to_string()
}

#[test]
fn every_property_can_be_set_by_its_name() {
    let mut config = config();
    for (name, value) in [
        ("bootstrap.servers", "one:1, [::1]:2"),
        ("group.id", "g"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "False"),
        ("session.timeout.ms", "6000"),
        ("isolation.level", "read_committed"),
        (
            "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor, range",
        ),
    ] {
        config.set(name, value).unwrap();
    }
    let addresses: Vec<(String, u16)> =
        config.bootstrap_servers.iter().map(|a| (a.host.to_string(), a.port)).collect();
    assert_eq!(addresses, [("one".to_string(), 1), ("::1".to_string(), 2)]);
    assert_eq!(config.group_id, "g");
    assert_eq!(config.auto_offset_reset, OffsetReset::Earliest);
    assert!(!config.enable_auto_commit);
    assert_eq!(config.session_timeout, Duration::from_secs(6));
    assert_eq!(config.isolation_level, IsolationLevel::ReadCommitted);
    assert_eq!(config.partition_assignment_strategy, [Strategy::CooperativeSticky, Strategy::Range]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_one() {
    assert_eq!(refusal("group_id", "g"), "unknown property group_id; did you mean group.id?");
    assert_eq!(
        refusal("fetch.wait.max.ms", "1"),
        "unknown property fetch.wait.max.ms; did you mean fetch.max.wait.ms?"
    );
    assert_eq!(refusal("zzz", "1"), "unknown property zzz");
}

#[test]
fn a_name_of_kafka_that_is_not_honoured_is_refused_with_the_reason() {
    assert_eq!(
        refusal("sasl.mechanism", "PLAIN"),
        "property sasl.mechanism is refused: connections are not authenticated: SASL is not there yet"
    );
    assert_eq!(
        refusal("security.protocol", "SSL"),
        "security.protocol=SSL: only PLAINTEXT is possible: connections are neither encrypted nor authenticated: TLS and \
         SASL are not there yet"
    );
    assert_eq!(config().set("security.protocol", "plaintext"), Ok(()));
}

#[test]
fn a_bad_value_is_answered_with_what_is_expected() {
    assert_eq!(
        refusal("max.poll.records", "0"),
        "max.poll.records=0: expected a whole number from 1 to 2147483647"
    );
    assert_eq!(
        refusal("session.timeout.ms", "99999999999"),
        "session.timeout.ms=99999999999: expected milliseconds from 0 to 2147483647"
    );
    assert_eq!(
        refusal("auto.offset.reset", "smallest"),
        "auto.offset.reset=smallest: expected earliest, latest, none or by_duration:PnDTnHnMn.nS"
    );
    assert_eq!(
        refusal("bootstrap.servers", "localhost"),
        "bootstrap.servers=localhost: expected host:port, ..., each once"
    );
}

fn conflict(config: Config) -> String {
    let error = config.check().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Conflict);
    error.to_string()
}

#[test]
fn values_from_code_have_the_same_limits_as_those_from_text() {
    let error = |config: Config| config.check().unwrap_err().to_string();
    assert_eq!(
        error(config().max_poll_records(0_usize)),
        "max.poll.records=0: expected a whole number from 1 to 2147483647"
    );
    assert_eq!(
        error(config().session_timeout(Duration::MAX)),
        "session.timeout.ms=18446744073709551615999: expected milliseconds from 0 to 2147483647"
    );
    assert_eq!(
        error(config().fetch_min_bytes(-5)),
        "fetch.min.bytes=-5: expected a whole number from 0 to 2147483647"
    );
    assert_eq!(
        error(config().partition_assignment_strategy([Strategy::Range, Strategy::Range])),
        "partition.assignment.strategy=range,range: expected range, roundrobin, sticky or cooperative-sticky, ..., each once"
    );
}

#[test]
fn what_is_given_can_be_read_back_as_text() {
    let mut config = config().heartbeat_interval(Duration::from_secs(1));
    config.set("connections.max.idle.ms", "-5").unwrap();
    config.set("bootstrap.servers", "one:1, [::1]:2").unwrap();
    let text = |name| config.get(name);
    assert_eq!(text("heartbeat.interval.ms").as_deref(), Some("1000"));
    assert_eq!(text("connections.max.idle.ms").as_deref(), Some("-1"));
    assert_eq!(text("bootstrap.servers").as_deref(), Some("one:1,[::1]:2"));
    assert_eq!(text("partition.assignment.strategy").as_deref(), Some("range,cooperative-sticky"));
    assert_eq!(text("ssl.protocol"), None);
}

#[test]
fn properties_that_contradict_each_other_are_refused() {
    assert_eq!(
        conflict(config().session_timeout(Duration::from_secs(3))),
        "heartbeat.interval.ms must be below session.timeout.ms"
    );
    let error = Config::from_properties([("group.id", "g")]).unwrap_err().to_string();
    assert_eq!(error, "bootstrap.servers is missing");
    assert!(Config::from_properties([("bootstrap.servers", "a:1")]).is_ok());
}

#[test]
fn auto_commit_needs_a_group_where_it_is_asked_for() {
    assert_eq!(config().check(), Ok(()));
    assert_eq!(conflict(config().enable_auto_commit(true)), "enable.auto.commit=true needs a group.id");
    assert_eq!(config().enable_auto_commit(true).group_id("g").check(), Ok(()));
}

#[test]
fn each_group_protocol_refuses_what_belongs_to_the_other() {
    let consumer = || config().group_id("g").group_protocol(GroupProtocol::Consumer);
    assert_eq!(consumer().group_remote_assignor("uniform").check(), Ok(()));
    assert_eq!(
        conflict(
            consumer().session_timeout(Duration::from_secs(45)).heartbeat_interval(Duration::from_secs(3))
        ),
        "heartbeat.interval.ms, session.timeout.ms cannot be set with group.protocol=consumer, where the broker decides it"
    );
    assert_eq!(
        conflict(consumer().partition_assignment_strategy([Strategy::Range])),
        "partition.assignment.strategy cannot be set with group.protocol=consumer, where the broker decides it"
    );
    let classic = conflict(config().group_id("g").group_remote_assignor("uniform"));
    assert!(classic.starts_with("group.remote.assignor needs group.protocol=consumer"), "{classic}");
}

#[test]
fn a_reconnect_back_off_that_is_set_alone_does_not_grow() {
    let longest = |config: Config| config.connection_settings().reconnect_backoff_max;
    let two_seconds = Duration::from_secs(2);
    assert_eq!(longest(config().reconnect_backoff(two_seconds)), two_seconds);
    let both = config().reconnect_backoff(two_seconds).reconnect_backoff_max(Duration::from_secs(9));
    assert_eq!(longest(both), Duration::from_secs(9));
    assert_eq!(longest(config()), Duration::from_secs(1));
}

#[test]
fn a_client_without_a_name_is_called_by_its_group() {
    let name = |config: Config| config.with_client_id().client_id;
    assert_eq!(name(config().group_id("g").client_id("me")), "me");
    assert_eq!(name(config().group_id("g").group_instance_id("first")), "consumer-g-first");
    let (one, other) = (name(config().group_id("g")), name(config().group_id("g")));
    assert!(
        one.starts_with("consumer-g-") && other.starts_with("consumer-g-") && one != other,
        "{one} {other}"
    );
    assert!(name(config()).starts_with("consumer-"));
}

#[test]
fn where_to_start_is_read_and_written() {
    let week = Duration::from_secs(7 * 86_400);
    for (text, policy, written) in [
        ("earliest", OffsetReset::Earliest, "earliest"),
        ("latest", OffsetReset::Latest, "latest"),
        ("none", OffsetReset::None, "none"),
        ("by_duration:P7D", OffsetReset::ByDuration(week), "by_duration:PT168H"),
    ] {
        let mut config = config();
        config.set("auto.offset.reset", text).unwrap();
        assert_eq!(config.auto_offset_reset, policy);
        assert_eq!(config.get("auto.offset.reset").as_deref(), Some(written));
    }
    for text in ["by_duration", "by_duration:", "by_duration:7D", "by_duration:-P7D", "P7D"] {
        assert!(config().set("auto.offset.reset", text).is_err(), "{text}");
    }
}
