//! What the log of an application has.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracing::Level;

use super::common::{PATIENCE, POLL, config, subscribed};
use crate::cluster::Cluster;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines about this client, each with its level in front.
    fn lines(&self, client_id: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let is_ours = |line: &&str| line.contains(&format!("client_id=\"{client_id}\""));
        text.lines().filter(is_ours).map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a25_an_idle_disconnect_is_debug_and_a_rebalance_is_info() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .finish();
    // The consumer's task runs on this thread too.
    let _default = tracing::subscriber::set_default(subscriber);
    // While there is one subscriber only, an event that comes first on another thread is off for good on all of them.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());

    let cluster = &*Cluster::shared();
    cluster.create_topic("traced", 2);
    let idle = Duration::from_millis(100);
    let config = config(cluster, "traced").client_id("traced").connections_max_idle(idle);
    let mut consumer = subscribed(config, "traced").await;
    let deadline = Instant::now() + PATIENCE;
    let says = |what: &str| log.lines("traced").iter().any(|line| line.contains(what));
    while !(says("an idle connection was closed") && says("partitions assigned")) {
        assert!(Instant::now() < deadline, "not yet: {:#?}", log.lines("traced"));
        consumer.poll(POLL).await.unwrap();
    }
    consumer.close(PATIENCE).await.unwrap();

    let lines = log.lines("traced");
    let level_of = |what: &str| {
        let line =
            lines.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {lines:#?}"));
        line.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(level_of("connected"), "DEBUG");
    assert_eq!(level_of("an idle connection was closed"), "DEBUG");
    assert_eq!(level_of("found the group's coordinator"), "INFO");
    assert_eq!(level_of("joined the group"), "INFO");
    assert_eq!(level_of("partitions assigned"), "INFO");
    assert_eq!(level_of("partitions revoked"), "INFO");
    let troubles = lines.iter().filter(|line| line.starts_with("WARN") || line.starts_with("ERROR"));
    assert_eq!(troubles.collect::<Vec<_>>(), [""; 0]);
}
