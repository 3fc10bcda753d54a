//! How fast records go through a producer, an embedded broker and a consumer, all in this process:
//! `cargo run --release -p milena-client --example throughput`.
//!
//! Each line is a compression: a million records of 100 bytes are written, and then read. The broker has a thread of its own,
//! and so has the client.

use std::error::Error;
use std::time::{Duration, Instant};

use milena_broker::Broker;
use milena_client::{Config, Consumer, Producer, ProducerConfig, ProducerRecord, TopicPartition};

const RECORDS: u64 = 1_000_000;
const VALUE: usize = 100;
const COMPRESSIONS: [&str; 5] = ["none", "lz4", "snappy", "zstd", "gzip"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{RECORDS} records of {VALUE} bytes, million records/s:");
    println!("{:<12}{:>8}{:>8}", "compression", "written", "read");
    for compression in COMPRESSIONS {
        let broker = Broker::builder().topic("t", 1).start().await?;
        let servers = broker.bootstrap_servers();
        let written = write(&servers, compression).await?;
        let read = read(&servers).await?;
        println!("{compression:<12}{:>8.2}{:>8.2}", rate(written), rate(read));
    }
    Ok(())
}

fn rate(took: Duration) -> f64 {
    RECORDS as f64 / took.as_secs_f64() / 1e6
}

async fn write(servers: &str, compression: &str) -> Result<Duration, Box<dyn Error>> {
    let mut config = ProducerConfig::new(servers)?;
    config.set("compression.type", compression)?;
    config.set("linger.ms", "5")?;
    config.set("batch.size", "131072")?;
    let producer = Producer::new(config)?;
    let mut value = [0; VALUE];
    let started = Instant::now();
    for n in 0..RECORDS {
        // Half of it is a text that repeats, half of it does not.
        for (i, byte) in value.iter_mut().enumerate() {
            let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(i as u32) as u8;
            *byte = if i % 2 == 0 { b"the quick brown fox"[i % 19] } else { noise };
        }
        producer.ready().await?;
        drop(producer.send(ProducerRecord::new("t").value(&value)));
    }
    producer.flush().await?;
    Ok(started.elapsed())
}

async fn read(servers: &str) -> Result<Duration, Box<dyn Error>> {
    let mut consumer = Consumer::new(Config::new(servers)?)?;
    let partition = TopicPartition::new("t", 0);
    consumer.assign([partition.clone()]).await?;
    consumer.seek_to_beginning([partition]).await?;
    let (started, mut records, mut bytes) = (Instant::now(), 0, 0);
    while records < RECORDS {
        for record in &consumer.poll(Duration::from_secs(1)).await? {
            records += 1;
            bytes += record.value().map_or(0, <[u8]>::len);
        }
    }
    assert_eq!(bytes, RECORDS as usize * VALUE);
    Ok(started.elapsed())
}
