//! Brokers that are older than the clients: of some APIs they have only the first versions.

use milena_broker::core::steering::Steer;
use milena_client::GroupProtocol;
use milena_protocol::Api;

use crate::history::{History, Kind};
use crate::rng::Rng;
use crate::world::World;
use crate::writer;

/// What clients ask, with the versions that Kafka 4.3.1 has.
const APIS: [(Api, i16, i16); 14] = [
    (Api::Produce, 3, 13),
    (Api::Fetch, 4, 18),
    (Api::ListOffsets, 1, 11),
    (Api::Metadata, 0, 13),
    (Api::OffsetCommit, 2, 10),
    (Api::OffsetFetch, 1, 10),
    (Api::FindCoordinator, 0, 6),
    (Api::JoinGroup, 0, 9),
    (Api::Heartbeat, 0, 4),
    (Api::LeaveGroup, 0, 5),
    (Api::SyncGroup, 0, 5),
    (Api::ApiVersions, 0, 4),
    (Api::InitProducerId, 0, 5),
    (Api::OffsetForLeaderEpoch, 2, 4),
];

/// From this version on Fetch tells the leader epoch that the client knows, and is refused where it is an old one (KIP-320).
const FENCED_FETCH: i16 = 9;

/// The newest version of each API that is not there in all versions.
pub fn draw(history: &History, rng: &mut Rng) -> Vec<(Api, i16)> {
    if !rng.percent(30) {
        return Vec::new();
    }
    let mut draw_one = |(api, oldest, newest): (Api, i16, i16)| {
        let oldest = oldest.max(needed(api, history));
        let version = rng.within(oldest as u64..=newest as u64) as i16;
        (rng.percent(50) && version < newest).then_some((api, version))
    };
    APIS.into_iter().filter_map(&mut draw_one).collect()
}

/// The first version with which everything that is checked can be true.
fn needed(api: Api, history: &History) -> i16 {
    let truncates = history.has(Kind::Truncate);
    let is_static = history.static_percent > 0;
    let is_consumer = history.protocol == GroupProtocol::Consumer;
    match api {
        Api::Produce => writer::VERSION,
        // KIP-848: assignments name topics by their ids.
        Api::Metadata if is_consumer => 10,
        Api::OffsetCommit | Api::OffsetFetch if is_consumer => 9,
        // KIP-345.
        Api::OffsetCommit if is_static => 7,
        Api::JoinGroup if is_static => 5,
        Api::SyncGroup | Api::Heartbeat | Api::LeaveGroup if is_static => 3,
        // KIP-320: who does not know the leader epoch of what it has read cannot know that it is gone.
        Api::OffsetCommit if truncates => 6,
        Api::OffsetFetch if truncates => 5,
        // Before, the epochs that Metadata tells can be old ones, and are not believed (KAFKA-9212).
        Api::Metadata if truncates => 9,
        Api::ListOffsets if truncates => 4,
        Api::OffsetForLeaderEpoch if truncates => 3,
        _ => 0,
    }
}

impl World {
    /// Whether a consumer behind a log's new end may read on there, when as much has been written, before it learns of the
    /// truncation.
    pub fn reads_on_after_truncation(&self) -> bool {
        self.history.versions.iter().any(|&(api, version)| api == Api::Fetch && version < FENCED_FETCH)
    }

    /// Makes the brokers as old as they are to be.
    pub fn grow_old(&mut self) {
        for (api, version) in self.history.versions.clone() {
            let (_, oldest, _) =
                APIS.into_iter().find(|(known, ..)| *known == api).expect("it was drawn from there");
            let oldest = if api == Api::Produce { 0 } else { oldest };
            let versions = Some(oldest..=version);
            let pinned = self.broker.steer(Steer::PinVersions { api, versions }, self.clock.now);
            pinned.expect("Kafka has these versions");
        }
    }
}
