//! What Java reads of what the producer wrote, and where Java's producer would have written it.

use milena_client::{Producer, ProducerRecord};
use milena_protocol::records::Compression;

use crate::cluster::Cluster;
use crate::stories::common::PATIENCE;
use crate::stories::producing::config;

const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

#[tokio::test]
async fn javas_console_consumer_reads_keys_values_headers_and_timestamps() {
    let cluster = &*Cluster::shared();
    let topic = "for-java";
    cluster.create_topic(topic, 1);
    for (i, compression) in Compression::ALL.into_iter().enumerate() {
        let producer = Producer::new(config(cluster).compression_type(compression)).unwrap();
        let (key, timestamp) = (format!("k{i}"), 1_700_000_000_000 + i as i64);
        let record = ProducerRecord::new(topic).key(&key).value("v").timestamp(timestamp);
        producer.send(record.header("a", b"1").header("b", b"2")).await.unwrap();
        producer.send(ProducerRecord::new(topic).key(&key).timestamp(timestamp)).await.unwrap();
        producer.close(PATIENCE).await.unwrap();
    }
    let print =
        ["timestamp", "partition", "offset", "headers", "key"].map(|what| format!("print.{what}=true"));
    let mut arguments = vec!["--topic", topic, "--from-beginning", "--max-messages", "10"];
    print.iter().for_each(|property| arguments.extend(["--formatter-property", property]));
    let printed = cluster.tool(CONSOLE_CONSUMER, &arguments).unwrap();
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("CreateTime")).collect();
    let wanted: Vec<String> = (0..5)
        .flat_map(|i| {
            let time = 1_700_000_000_000_i64 + i;
            let (first, second) = (2 * i, 2 * i + 1);
            [
                format!("CreateTime:{time}\tPartition:0\tOffset:{first}\ta:1,b:2\tk{i}\tv"),
                format!("CreateTime:{time}\tPartition:0\tOffset:{second}\tNO_HEADERS\tk{i}\tnull"),
            ]
        })
        .collect();
    assert_eq!(lines, wanted, "{printed}");
}
