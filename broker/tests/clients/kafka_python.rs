//! kafka-python.

use crate::common::{cluster, python};

#[test]
fn kafka_python_finds_a_kafka() {
    let broker = cluster();
    python(&broker, "kafka_python.py", &["records", "group", "static member", "admin", "transactions"]);
}
