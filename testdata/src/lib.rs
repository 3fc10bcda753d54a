//! Golden files, captures, and a launcher of real Kafka brokers.
