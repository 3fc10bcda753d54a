//! The APIs that the broker has, and in which versions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use milena_protocol::Api;

/// What Kafka 4.3.1 tells clients that it has, of the APIs that are here.
const OFFERED: &[(Api, RangeInclusive<i16>)] = &[
    // Kafka offers Produce from version 0 on, since old librdkafka looks for it, and serves version 3 and up
    // (KAFKA-18659).
    (Api::Produce, 0..=13),
    (Api::Fetch, 4..=18),
    (Api::ListOffsets, 1..=11),
    (Api::Metadata, 0..=13),
    (Api::OffsetCommit, 2..=10),
    (Api::OffsetFetch, 1..=10),
    (Api::FindCoordinator, 0..=6),
    (Api::JoinGroup, 0..=9),
    (Api::Heartbeat, 0..=4),
    (Api::LeaveGroup, 0..=5),
    (Api::SyncGroup, 0..=5),
    (Api::DescribeGroups, 0..=6),
    (Api::ListGroups, 0..=5),
    (Api::ApiVersions, 0..=4),
    (Api::CreateTopics, 2..=7),
    (Api::DeleteTopics, 1..=6),
    (Api::DeleteRecords, 0..=2),
    // Version 6 is there, and not offered yet.
    (Api::InitProducerId, 0..=5),
    (Api::OffsetForLeaderEpoch, 2..=4),
    (Api::AddPartitionsToTxn, 0..=5),
    (Api::AddOffsetsToTxn, 0..=4),
    (Api::EndTxn, 0..=5),
    (Api::TxnOffsetCommit, 0..=5),
    (Api::DescribeConfigs, 1..=4),
    (Api::CreatePartitions, 0..=3),
    (Api::DeleteGroups, 0..=2),
    (Api::IncrementalAlterConfigs, 0..=1),
    (Api::OffsetDelete, 0..=0),
    (Api::DescribeCluster, 0..=2),
    (Api::ConsumerGroupHeartbeat, 0..=1),
    (Api::ConsumerGroupDescribe, 0..=1),
    (Api::DescribeTopicPartitions, 0..=0),
];

/// The first version of Produce that is served.
const FIRST_PRODUCE: i16 = 3;

/// The APIs that the broker has.
#[derive(Clone, Debug)]
pub(crate) struct Versions(BTreeMap<Api, RangeInclusive<i16>>);

impl Default for Versions {
    fn default() -> Self {
        Versions(OFFERED.iter().cloned().collect())
    }
}

impl Versions {
    /// What is offered, by key.
    pub fn offered(&self) -> impl Iterator<Item = (Api, &RangeInclusive<i16>)> {
        self.0.iter().map(|(api, range)| (*api, range))
    }

    /// What is offered of one API.
    pub fn range(&self, api: Api) -> Option<&RangeInclusive<i16>> {
        self.0.get(&api)
    }

    /// Offers only these versions of an API from now on, which have to be among those that there are; `None` for none at all.
    ///
    /// # Errors
    /// The versions that there are, if there are any.
    pub fn pin(
        &mut self,
        api: Api,
        versions: Option<RangeInclusive<i16>>,
    ) -> Result<(), Option<RangeInclusive<i16>>> {
        let real = OFFERED.iter().find(|(offered, _)| *offered == api).map(|(_, range)| range.clone());
        match (versions, &real) {
            (None, Some(_)) => drop(self.0.remove(&api)),
            (Some(versions), Some(real))
                if !versions.is_empty()
                    && real.contains(versions.start())
                    && real.contains(versions.end()) =>
            {
                self.0.insert(api, versions);
            }
            _ => return Err(real),
        }
        Ok(())
    }

    /// Whether a request of this version is served.
    pub fn serves(&self, api: Api, version: i16) -> bool {
        let is_real = api != Api::Produce || version >= FIRST_PRODUCE;
        is_real && self.range(api).is_some_and(|range| range.contains(&version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_that_is_offered_can_be_parsed() {
        for (api, range) in Versions::default().offered() {
            assert!(api.is_parsed(), "{api}");
            assert!(api.versions().contains(range.start()), "{api}");
            assert!(api.versions().contains(range.end()), "{api}");
        }
    }

    #[test]
    fn produce_is_offered_from_0_and_served_from_3() {
        let versions = Versions::default();
        assert_eq!(versions.range(Api::Produce), Some(&(0..=13)));
        assert!(!versions.serves(Api::Produce, 2) && versions.serves(Api::Produce, 3));
        assert!(!versions.serves(Api::Fetch, 3) && !versions.serves(Api::Vote, 0));
    }
}
