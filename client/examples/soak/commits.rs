//! What the group commits, and where the partitions end.
//!
//! Commits are read from the log that Kafka keeps them in. A lookup says less: it sees one now and then, and a coordinator that has
//! just taken over answers it with what lies below its high watermark, which may be some commits behind.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bytes::Buf;
use milena_client::{Admin, Config, Consumer, Error as ClientError, OffsetReset, OffsetSpec, TopicPartition};
use tokio::runtime::Runtime;

use crate::ledger::Commit;
use crate::{GROUP, TOPIC};

const LOG: &str = "__consumer_offsets";
/// The version of the keys of this log that are a group's, a topic's and a partition's.
const OFFSET_COMMIT_KEY: i16 = 1;

/// Tells of all commits, in their order.
pub fn follow(config: Config, runtime: &Runtime) -> Receiver<Commit> {
    let (sender, commits) = mpsc::channel();
    runtime.spawn(async move {
        if let Err(error) = read(config, &sender).await {
            eprintln!("the group's commits cannot be read any more: {error}");
        }
    });
    commits
}

async fn read(config: Config, commits: &Sender<Commit>) -> Result<(), ClientError> {
    let mut consumer = Consumer::new(config.auto_offset_reset(OffsetReset::Earliest))?;
    loop {
        // The first member of the first group has it created.
        let partitions = consumer.partitions_for(LOG).await.unwrap_or_default();
        if !partitions.is_empty() {
            let each = partitions.iter().map(|partition| TopicPartition::new(LOG, partition.partition));
            consumer.assign(each).await?;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    loop {
        for record in &consumer.poll(Duration::from_secs(1)).await? {
            let commit = record.key().zip(record.value()).and_then(|(key, value)| commit(key, value));
            if commit.is_some_and(|commit| commits.send(commit).is_err()) {
                return Ok(());
            }
        }
    }
}

/// What a record of the log says, if it is a commit of the group (Kafka's `OffsetCommitKey` and `OffsetCommitValue`).
fn commit(mut key: &[u8], mut value: &[u8]) -> Option<Commit> {
    if key.try_get_i16().ok()? != OFFSET_COMMIT_KEY
        || string(&mut key)? != GROUP.as_bytes()
        || string(&mut key)? != TOPIC.as_bytes()
    {
        return None;
    }
    let partition = key.try_get_i32().ok()?;
    let _version = value.try_get_i16().ok()?;
    Some(Commit { partition, offset: value.try_get_i64().ok()? })
}

fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
    bytes.split_off(..length)
}

/// What the group has committed, by partition, and the end of each partition.
pub async fn committed_and_ends(
    mut admin: Admin,
) -> Result<(BTreeMap<i32, i64>, BTreeMap<i32, i64>), Box<dyn Error>> {
    let committed = admin.group_offsets(GROUP).await?;
    let committed =
        committed.into_iter().map(|(partition, committed)| (partition.partition, committed.offset));
    let partitions = admin.partitions_for(TOPIC).await?;
    let asked =
        partitions.into_iter().map(|partition| (TopicPartition::new(TOPIC, partition), OffsetSpec::Latest));
    let mut ends = BTreeMap::new();
    for (partition, end) in admin.list_offsets(asked).await? {
        ends.insert(partition.partition, end?.unwrap_or(-1));
    }
    Ok((committed.collect(), ends))
}
