//! One file of properties for Kafka's own consumer and for this one.

use std::io::Write;
use std::process::Stdio;

use milena_client::{Config, Consumer};

use crate::cluster::Cluster;
use crate::stories::common::{PATIENCE, read};

#[tokio::test]
async fn a_file_of_properties_means_the_same_to_the_java_consumer() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("properties", 2);
    cluster.fill("properties", 100);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "# read by both\n\
         bootstrap.servers = {}\n\
         auto.offset.reset: earliest\n\
         max.poll.records 10\n\
         isolation.level=read_comm\\\n    itted\n\
         client.id=caf\\u00e9\n",
        cluster.bootstrap()
    )
    .unwrap();

    let config = Config::from_properties_file(file.path()).unwrap().group_id("properties-ours");
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe(["properties"]).await.unwrap();
    read(&mut consumer, 100).await;
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("properties-ours"), [Some(50); 2]);

    let mut java = cluster.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    java.args(["--bootstrap-server", &cluster.bootstrap(), "--topic", "properties", "--max-messages", "100"]);
    java.args(["--group", "properties-java", "--timeout-ms", "60000"]);
    java.arg("--command-config").arg(file.path());
    let output = java.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 100);
}
