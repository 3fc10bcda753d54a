//! Fetch sessions (KIP-227).

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::produce::request as produce_request;
use crate::records::batch;
use crate::same_on_both;

fn partition(index: i32, offset: i64) -> Value {
    json!({ "partition": index, "fetchOffset": offset, "partitionMaxBytes": 1 << 20 })
}

/// A request in a session, for partitions of a topic and without others.
fn request(session: &Value, epoch: i32, topic: &str, partitions: Vec<Value>, forgotten: &[i32]) -> Value {
    let mut asked = json!({
        "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24,
        "sessionId": session, "sessionEpoch": epoch, "topics": [],
    });
    if !partitions.is_empty() {
        asked["topics"] = json!([{ "topic": topic, "partitions": partitions }]);
    }
    if !forgotten.is_empty() {
        asked["forgottenTopicsData"] = json!([{ "topic": topic, "partitions": forgotten }]);
    }
    asked
}

fn produce(connection: &mut Connection<'_>, topic: &str, partition: i32, value: &str) {
    let asked = produce_request(topic, partition, -1, batch(&[value]).into());
    assert_eq!(
        connection.ask_quietly(Api::Produce, 9, asked)["responses"][0]["partitionResponses"][0]["errorCode"],
        0
    );
}

#[test]
fn t16_a_session_tells_only_what_is_new() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 2), side.connect());
        produce(&mut connection, &topic, 0, "a");
        let both = vec![partition(0, 0), partition(1, 0)];
        let first = connection.ask(Api::Fetch, 12, request(&json!(0), 0, &topic, both, &[]));
        let session = first["sessionId"].clone();
        side.note("what was not taken comes again");
        connection.ask(Api::Fetch, 12, request(&session, 1, &topic, vec![], &[]));
        side.note("what was taken does not");
        connection.ask(Api::Fetch, 12, request(&session, 2, &topic, vec![partition(0, 1)], &[]));
        connection.ask(Api::Fetch, 12, request(&session, 3, &topic, vec![], &[]));
        side.note("a record for the other partition");
        produce(&mut connection, &topic, 1, "b");
        connection.ask(Api::Fetch, 12, request(&session, 4, &topic, vec![], &[]));
        side.note("a partition is forgotten");
        connection.ask(Api::Fetch, 12, request(&session, 5, &topic, vec![], &[1]));
        connection.ask(Api::Fetch, 12, request(&session, 6, &topic, vec![], &[]));
        side.note("and comes back");
        connection.ask(Api::Fetch, 12, request(&session, 7, &topic, vec![partition(1, 0)], &[]));
        side.note("the session is closed");
        connection.ask(Api::Fetch, 12, request(&session, -1, &topic, vec![], &[]));
        connection.ask(Api::Fetch, 12, request(&session, 8, &topic, vec![], &[]));
    });
}

#[test]
fn t16_epochs_of_sessions_are_checked() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let open = |connection: &mut Connection<'_>| {
            connection.ask(Api::Fetch, 12, request(&json!(0), 0, &topic, vec![partition(0, 0)], &[]))["sessionId"]
                .clone()
        };
        let session = open(&mut connection);
        for epoch in [2, 0x7fff_ffff, 1, 1, 3, 2] {
            side.note(format!("epoch {epoch}"));
            connection.ask(Api::Fetch, 12, request(&session, epoch, &topic, vec![], &[]));
        }
        side.note("a session that there is not");
        connection.ask(Api::Fetch, 12, request(&json!(1_234_567), 1, &topic, vec![], &[]));
        connection.ask(Api::Fetch, 12, request(&json!(1_234_567), -1, &topic, vec![partition(0, 0)], &[]));
        connection.ask(Api::Fetch, 12, request(&json!(0), 1, &topic, vec![], &[]));
        side.note("no session");
        connection.ask(Api::Fetch, 12, request(&json!(0), -1, &topic, vec![partition(0, 0)], &[]));
        side.note("a new one in place of the old");
        let renewed =
            connection.ask(Api::Fetch, 12, request(&session, 0, &topic, vec![partition(0, 0)], &[]));
        side.note(format!("the same: {}", renewed["sessionId"] == session));
        connection.ask(Api::Fetch, 12, request(&session, 3, &topic, vec![], &[]));
        side.note("a session without partitions");
        connection.ask(Api::Fetch, 12, request(&json!(0), 0, &topic, vec![], &[]));
    });
}

#[test]
fn t16_errors_are_told_each_time() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let wanted = vec![partition(0, 0), partition(9, 0)];
        let first = connection.ask(Api::Fetch, 12, request(&json!(0), 0, &topic, wanted, &[]));
        let session = first["sessionId"].clone();
        connection.ask(Api::Fetch, 12, request(&session, 1, &topic, vec![], &[]));
        side.note("out of range");
        connection.ask(Api::Fetch, 12, request(&session, 2, &topic, vec![partition(0, 77)], &[]));
        connection.ask(Api::Fetch, 12, request(&session, 3, &topic, vec![], &[]));
    });
}

#[test]
fn t16_a_session_with_topic_ids() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        produce(&mut connection, &topic, 0, "a");
        let with_ids = |mut asked: Value| {
            let id = side.topic_id(&topic);
            if let Some(topic) = asked["topics"].get_mut(0) {
                *topic = json!({ "topicId": id, "partitions": topic["partitions"] });
            }
            asked
        };
        let asked = with_ids(request(&json!(0), 0, &topic, vec![partition(0, 0)], &[]));
        let session = connection.ask(Api::Fetch, 13, asked)["sessionId"].clone();
        connection.ask(Api::Fetch, 13, with_ids(request(&session, 1, &topic, vec![partition(0, 1)], &[])));
        connection.ask(Api::Fetch, 13, with_ids(request(&session, 2, &topic, vec![], &[])));
        side.note("names in a session of ids");
        connection.ask(Api::Fetch, 12, request(&session, 3, &topic, vec![partition(0, 0)], &[]));
        side.note("the topic is deleted");
        let asked = json!({ "topics": [{ "name": topic }], "timeoutMs": 60000 });
        connection.ask_quietly(Api::DeleteTopics, 6, asked.clone());
        connection.until(Api::DeleteTopics, 6, asked, |answer| answer["responses"][0]["errorCode"] == 3);
        let fresh = json!(0);
        let unknown = json!({ "topicId": "AAAAAAAAAAAAAAAAAAAABQ", "partitions": [partition(0, 0)] });
        let mut asked = request(&fresh, 0, &topic, vec![], &[]);
        asked["topics"] = json!([unknown]);
        let session = connection.ask(Api::Fetch, 13, asked)["sessionId"].clone();
        connection.ask(Api::Fetch, 13, request(&session, 1, &topic, vec![], &[]));
    });
}
