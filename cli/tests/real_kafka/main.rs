//! The command against a real Kafka 4.3.1: the stories in `../stories/`, and those that need Kafka's own programs.

#[allow(dead_code, reason = "the client's stories do more to it")]
#[path = "../../../client/tests/real_kafka/cluster.rs"]
mod cluster;
#[path = "../stories/mod.rs"]
mod stories;

mod groups;
mod java_members;
