//! kafka-python.

use crate::common::{broker, python};

#[test]
fn kafka_python_finds_a_kafka() {
    let broker = broker();
    python(&broker, "kafka_python.py", &["records", "group", "static member", "admin", "transactions"]);
}
