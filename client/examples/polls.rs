//! What a poll costs when most partitions have nothing to tell, with an embedded broker in this process:
//! `cargo run --release -p milena-client --example polls`.
//!
//! A member of a group reads one topic. Each line is a number of partitions; all records are in the first one. "records":
//! thousand polls a second that return ten records each; "nothing": that return none, as no more are there.

use std::error::Error;
use std::time::{Duration, Instant};

use milena_broker::Broker;
use milena_client::{Config, Consumer, OffsetReset, Producer, ProducerConfig, ProducerRecord};

const PARTITIONS: [usize; 4] = [1, 10, 100, 1_000];
const ROUNDS: usize = 3;
const POLLS: usize = 10_000;
const RECORDS_A_POLL: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>10}{:>10}{:>10}", "partitions", "records", "nothing");
    for partitions in PARTITIONS {
        let broker = Broker::builder().topic("t", partitions).start().await?;
        let servers = broker.bootstrap_servers();
        write(&servers).await?;
        // The best of them: other programs may be at work too.
        let (mut with_records, mut with_nothing) = (Duration::MAX, Duration::MAX);
        for round in 0..ROUNDS {
            let mut consumer = reader(&servers, round).await?;
            let mut left = POLLS * RECORDS_A_POLL - consumer.poll(Duration::from_secs(10)).await?.len();
            let started = Instant::now();
            while left > 0 {
                left -= consumer.poll(Duration::from_secs(1)).await?.len();
            }
            with_records = with_records.min(started.elapsed());
            let started = Instant::now();
            for _ in 0..POLLS {
                assert!(consumer.poll(Duration::ZERO).await?.is_empty());
            }
            with_nothing = with_nothing.min(started.elapsed());
            consumer.close(Duration::from_secs(10)).await?;
        }
        println!("{partitions:>10}{:>10.1}{:>10.1}", rate(with_records), rate(with_nothing));
    }
    Ok(())
}

/// Thousand polls a second.
fn rate(took: Duration) -> f64 {
    POLLS as f64 / took.as_secs_f64() / 1e3
}

async fn write(servers: &str) -> Result<(), Box<dyn Error>> {
    let producer = Producer::new(ProducerConfig::new(servers)?)?;
    for _ in 0..POLLS * RECORDS_A_POLL {
        producer.ready().await?;
        drop(producer.send(ProducerRecord::new("t").partition(0).value(&[b'x'; 100])));
    }
    producer.flush().await?;
    Ok(())
}

/// In a group of its own.
async fn reader(servers: &str, round: usize) -> Result<Consumer, Box<dyn Error>> {
    let config = Config::new(servers)?.group_id(format!("g-{round}"));
    let config = config.auto_offset_reset(OffsetReset::Earliest).max_poll_records(RECORDS_A_POLL);
    let mut consumer = Consumer::new(config)?;
    consumer.subscribe(["t"]).await?;
    Ok(consumer)
}
