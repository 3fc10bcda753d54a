//! One file of properties for Kafka's own consumer and for this one.

use std::io::Write;
use std::process::Stdio;

use milena_client::{Config, Consumer};

use crate::common::{PATIENCE, committed, read, shared_kafka};

#[tokio::test]
async fn a_file_of_properties_means_the_same_to_the_java_consumer() {
    let kafka = shared_kafka();
    kafka.create_topic("properties", 2).unwrap();
    kafka.fill("properties", 100).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "# read by both\n\
         bootstrap.servers = {}\n\
         auto.offset.reset: earliest\n\
         max.poll.records 10\n\
         isolation.level=read_comm\\\n    itted\n\
         client.id=caf\\u00e9\n",
        kafka.bootstrap()
    )
    .unwrap();

    let config = Config::from_properties_file(file.path()).unwrap().group_id("properties-ours");
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe(["properties"]).await.unwrap();
    read(&mut consumer, 100).await;
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(kafka, "properties-ours"), [Some(50); 2]);

    let mut java = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    java.args(["--bootstrap-server", &kafka.bootstrap(), "--topic", "properties", "--max-messages", "100"]);
    java.args(["--group", "properties-java", "--timeout-ms", "60000"]);
    java.arg("--command-config").arg(file.path());
    let output = java.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 100);
}
