//! Clients that others wrote, against the embedded broker.
//!
//! They need a JDK with Maven, Python 3 and Go, and bring the rest themselves, once: nothing is skipped where one is missing.

mod common;
mod confluent;
mod console;
mod franz_go;
mod kafka_python;
mod tools;
mod transactions;
mod verifiable;
