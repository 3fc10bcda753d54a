//! What the group has committed, and where the partitions end.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::mpsc::{self, Receiver};

use milena_client::{Admin, OffsetSpec, Offsets, TopicPartition};
use tokio::runtime::Runtime;

use crate::{GROUP, LOOK_UP_EVERY, TOPIC};

/// Looks up what the group has committed, again and again.
pub fn look_up(mut admin: Admin, runtime: &Runtime) -> Receiver<Offsets> {
    let (sender, offsets) = mpsc::channel();
    runtime.spawn(async move {
        loop {
            // While a coordinator moves there may be no answer, and there will be one later.
            if let Ok(offsets) = admin.group_offsets(GROUP).await
                && sender.send(offsets).is_err()
            {
                return;
            }
            tokio::time::sleep(LOOK_UP_EVERY).await;
        }
    });
    offsets
}

/// The end of each partition.
pub async fn ends(mut admin: Admin) -> Result<BTreeMap<i32, i64>, Box<dyn Error>> {
    let partitions = admin.partitions_for(TOPIC).await?;
    let asked =
        partitions.into_iter().map(|partition| (TopicPartition::new(TOPIC, partition), OffsetSpec::Latest));
    let mut ends = BTreeMap::new();
    for (partition, end) in admin.list_offsets(asked).await? {
        ends.insert(partition.partition, end?.unwrap_or(-1));
    }
    Ok(ends)
}
