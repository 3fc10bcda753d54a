//! The command against the embedded broker: the stories in `../stories/`, without a JVM.

#[allow(dead_code, reason = "the client's stories do more to it")]
#[path = "../../../client/tests/embedded/cluster.rs"]
mod cluster;
#[path = "../stories/mod.rs"]
mod stories;
#[path = "../../../client/tests/embedded/wire.rs"]
mod wire;
#[allow(dead_code, reason = "the client's stories write more kinds of records")]
#[path = "../../../client/tests/embedded/writing.rs"]
mod writing;
