//! Prints a topic: `cargo run -p milena-client --example consume localhost:9092 my-topic`.

use std::time::Duration;

use milena_client::{Config, Consumer, Error, OffsetReset};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, topic] = &arguments[..] else { panic!("usage: consume HOST:PORT TOPIC") };
    let config = Config::new(bootstrap)?.group_id("example").auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = Consumer::new(config)?;
    consumer.subscribe([topic]).await?;
    loop {
        for record in &consumer.poll(Duration::from_secs(1)).await? {
            println!("{}@{}: {:?}", record.partition(), record.offset(), record.value());
        }
    }
}
