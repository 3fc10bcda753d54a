//! Kafka's wire protocol as tokio-util codecs.
