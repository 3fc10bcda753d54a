//! Groups with members in Java.

use std::process::{Child, Stdio};
use std::time::Instant;

use crate::cluster::Cluster;
use crate::stories::common::{PATIENCE, Seen, poll_until, subscribed};
use crate::stories::consumer_protocol::{config, have_shared};

const VERIFIABLE_CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";

/// A Java consumer that ends with the test.
struct Java(Child);

impl Drop for Java {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_group_moves_from_a_java_member_under_the_classic_protocol_to_one_of_ours_under_the_consumer_protocol()
 {
    let cluster = &*Cluster::shared();
    let topic = "kip848-java";
    cluster.create_topic(topic, 4);
    cluster.fill(topic, 40);
    let mut java = cluster.java(VERIFIABLE_CONSUMER);
    java.args(["--bootstrap-server", &cluster.bootstrap(), "--topic", topic, "--group-id", topic]);
    java.args(["--group-protocol", "classic", "--session-timeout", "6000", "--reset-policy", "earliest"]);
    java.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let java = Java(java.spawn().unwrap());
    // It has joined when it has committed all there is.
    let deadline = Instant::now() + PATIENCE;
    while cluster.committed(topic) != [Some(10); 4] {
        assert!(Instant::now() < deadline, "the Java consumer does not read");
    }
    let mut ours = vec![subscribed(config(cluster, topic), topic).await];
    let mut seen = Seen::default();
    poll_until(&mut ours, &mut seen, "sharing with Java", have_shared(&[2])).await;
    drop(java);
    poll_until(&mut ours, &mut seen, "taking over", have_shared(&[4])).await;
    cluster.fill(topic, 400);
    poll_until(&mut ours, &mut seen, "reading", |_, seen| seen.len() == 400).await;
    assert_eq!(seen.repeated, 0, "it goes on where the Java consumer left off");
}
