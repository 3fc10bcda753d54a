//! confluent-kafka, which is librdkafka with Python around it.

use crate::common::{cluster, python};

#[test]
fn librdkafka_finds_a_kafka() {
    let broker = cluster();
    python(&broker, "confluent.py", &["records", "group", "next generation", "admin", "transactions"]);
}
