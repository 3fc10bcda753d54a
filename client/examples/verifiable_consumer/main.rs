//! Kafka's `VerifiableConsumer` with milena's consumer, for system tests that are written for Kafka's own:
//! `cargo run -p milena-client --example verifiable_consumer -- --bootstrap-server localhost:9092 --topic t --group-id g`.
//!
//! Ctrl-C or SIGTERM closes the consumer.

#[path = "../common/terminated.rs"]
mod terminated;
#[path = "../common/verifiable_consumer.rs"]
mod verifiable_consumer;

use std::error::Error;

use clap::Parser;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = verifiable_consumer::Options::parse();
    verifiable_consumer::run(&options, std::io::stdout(), terminated::terminated()?).await
}
