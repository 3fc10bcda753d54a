//! A search for offsets: which leaders to ask for what, and what they said.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic,
};
use milena_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, MetadataResponse};
use milena_protocol::{Api, ErrorCode, Str};

use super::{Found, LookupSettings, OffsetAndTimestamp, Question};
use crate::Error;
use crate::core::fetch_report::FetchError;
use crate::core::metadata::{Leader, Metadata, RELIABLE_EPOCHS};
use crate::core::partition_info::Nodes;
use crate::core::topic_partition::TopicPartition;
use crate::core::versions::Versions;
use crate::core::wire_millis::wire_millis;

/// The version of ListOffsets that answers with one offset, and its timestamp.
const ONE_OFFSET: i16 = 1;

/// Some partitions, and how far the search for an offset in each has come.
#[derive(Debug)]
pub(super) struct Search {
    /// Whether ends of the log are searched for: these exist, whatever the log has.
    is_for_ends: bool,
    /// To be found, with the time on the wire that asks for it.
    missing: BTreeMap<TopicPartition, i64>,
    found: BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>,
    /// The leaders to ask, and for which partitions.
    to_ask: BTreeMap<i32, Vec<(TopicPartition, Leader)>>,
    /// The leaders that are being asked.
    asked: BTreeSet<i32>,
}

/// The version to ask in; `None` where the broker is too old.
pub(super) fn version(versions: &Versions) -> Option<i16> {
    versions.newest(Api::ListOffsets).filter(|version| *version >= ONE_OFFSET)
}

impl Search {
    /// Nothing is found yet. Leaders that `metadata` knows are asked first, if it knows all.
    pub(super) fn new(question: Question, metadata: &Metadata) -> Self {
        let ends = |partitions: BTreeSet<TopicPartition>, timestamp: i64| {
            partitions.into_iter().map(|partition| (partition, timestamp)).collect()
        };
        let (missing, is_for_ends) = match question {
            Question::OffsetsForTimes(times) => (times, false),
            Question::BeginningOffsets(partitions) => {
                (ends(partitions, ListOffsetsPartition::EARLIEST_TIMESTAMP), true)
            }
            Question::EndOffsets(partitions) => {
                (ends(partitions, ListOffsetsPartition::LATEST_TIMESTAMP), true)
            }
            Question::PartitionsFor(_) | Question::ListTopics => (BTreeMap::new(), true),
        };
        let mut search = Search {
            is_for_ends,
            missing,
            found: BTreeMap::new(),
            to_ask: BTreeMap::new(),
            asked: BTreeSet::new(),
        };
        search.share_out(|partition| metadata.leader(partition));
        search
    }

    /// Lets each leader be asked for what it leads.
    fn share_out(&mut self, leader: impl Fn(&TopicPartition) -> Option<Leader>) {
        self.to_ask.clear();
        for partition in self.missing.keys() {
            if let Some(leader) = leader(partition) {
                self.to_ask.entry(leader.node_id).or_default().push((partition.clone(), leader));
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether brokers are being asked, or are to be.
    pub(super) fn is_asking(&self) -> bool {
        !self.asked.is_empty() || !self.to_ask.is_empty()
    }

    /// Whether there are partitions of which no leader is known.
    pub(super) fn lacks_leaders(&self) -> bool {
        self.to_ask.values().map(Vec::len).sum::<usize>() < self.missing.len()
    }

    /// The topics of all partitions that are still to be found.
    pub(super) fn topics(&self) -> BTreeSet<Str> {
        self.missing.keys().map(|partition| partition.topic.clone()).collect()
    }

    /// What was found.
    pub(super) fn found(&self) -> Found {
        if self.is_for_ends {
            let found = self.found.iter();
            let ends = found.filter_map(|(partition, end)| Some((partition.clone(), end.as_ref()?.offset)));
            return Found::Ends(ends.collect());
        }
        Found::Times(self.found.clone())
    }

    /// Takes in who leads the partitions.
    ///
    /// # Errors
    /// When it will not be told.
    pub(super) fn take_leaders(&mut self, answer: &MetadataResponse, version: i16) -> Result<(), Error> {
        let nodes = Nodes::of(answer);
        let mut leaders: BTreeMap<(&Str, i32), Leader> = BTreeMap::new();
        for topic in &answer.topics {
            let Some(name) = &topic.name else { continue };
            if let Err(code) = topic.error_code.ok() {
                if !code.is_retriable() {
                    return Err(Error::Topic { topic: name.to_string(), code });
                }
                continue;
            }
            for partition in &topic.partitions {
                let epoch = if version >= RELIABLE_EPOCHS { partition.leader_epoch } else { -1 };
                let leader = Leader { node_id: partition.leader_id, epoch };
                if nodes.has(leader.node_id) {
                    leaders.insert((name, partition.partition_index), leader);
                }
            }
        }
        self.share_out(|partition| leaders.get(&(&partition.topic, partition.partition)).copied());
        Ok(())
    }

    /// The brokers that are to be asked.
    pub(super) fn brokers_to_ask(&self) -> impl Iterator<Item = i32> {
        self.to_ask.keys().copied()
    }

    /// The request to a broker, which goes out now; [`answered`](Self::answered) must follow.
    pub(super) fn ask(&mut self, node_id: i32, settings: &LookupSettings) -> ListOffsetsRequest {
        let mut request = ListOffsetsRequest::default();
        request.replica_id = -1;
        request.isolation_level = settings.isolation_level.code();
        request.timeout_ms = wire_millis(settings.request_timeout);
        for (partition, leader) in self.to_ask.remove(&node_id).unwrap_or_default() {
            let Some(timestamp) = self.missing.get(&partition) else { continue };
            if request.topics.last().is_none_or(|topic| topic.name != partition.topic) {
                let mut topic = ListOffsetsTopic::default();
                topic.name = partition.topic.clone();
                request.topics.push(topic);
            }
            let mut entry = ListOffsetsPartition::default();
            entry.partition_index = partition.partition;
            entry.current_leader_epoch = leader.epoch;
            entry.timestamp = *timestamp;
            request.topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(entry.clone()));
        }
        self.asked.insert(node_id);
        request
    }

    /// What a broker said; `None`: nothing. What it did not find is left for another round.
    ///
    /// # Errors
    /// When asking again would not help.
    pub(super) fn answered(
        &mut self,
        node_id: i32,
        answer: Option<&ListOffsetsResponse>,
    ) -> Result<(), Error> {
        self.asked.remove(&node_id);
        for topic in answer.into_iter().flat_map(|answer| &answer.topics) {
            for partition in &topic.partitions {
                let key = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                self.partition(key, partition)?;
            }
        }
        Ok(())
    }

    fn partition(
        &mut self,
        partition: TopicPartition,
        answer: &ListOffsetsPartitionResponse,
    ) -> Result<(), Error> {
        match answer.error_code {
            ErrorCode::NONE => {
                let is_found = answer.offset >= 0;
                if !is_found && self.is_for_ends {
                    return Ok(());
                }
                if let Some((partition, _)) = self.missing.remove_entry(&partition) {
                    let offset = OffsetAndTimestamp {
                        offset: answer.offset,
                        timestamp: answer.timestamp,
                        leader_epoch: Some(answer.leader_epoch).filter(|epoch| *epoch >= 0),
                    };
                    self.found.insert(partition, is_found.then_some(offset));
                }
                Ok(())
            }
            error @ (ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT | ErrorCode::TOPIC_AUTHORIZATION_FAILED) => {
                let partition = partition.detached();
                Err(Error::Fetch(FetchError::Broker { partition, offset: None, error }))
            }
            // Kafka's consumer asks again, whatever the error.
            _ => Ok(()),
        }
    }

    /// A broker cannot be reached; says whether it was to be asked for something.
    pub(super) fn broker_failed(&mut self, node_id: i32) -> bool {
        self.to_ask.remove(&node_id).is_some()
    }
}
