use milena_protocol::messages::*;
use milena_protocol::{Api, ErrorCode};

use super::*;

#[test]
fn versions_outside_of_those_that_are_pinned_are_refused() {
    let mut sim = three();
    let pin = |api, versions| Steer::PinVersions { api, versions };
    sim.core.steer(pin(Api::Metadata, Some(1..=7)), sim.now).unwrap();
    sim.core.steer(pin(Api::ApiVersions, Some(0..=2)), sim.now).unwrap();
    sim.core.steer(pin(Api::DescribeCluster, None), sim.now).unwrap();
    let c = sim.connect(1);
    let refused = sim.ask(c, 3, ApiVersionsRequest::default());
    assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let response = sim.ask(c, 2, ApiVersionsRequest::default());
    let range = |api: Api| {
        let mut found = response.api_keys.iter().filter(|key| key.api_key == api.key());
        found.next().map(|key| (key.min_version, key.max_version))
    };
    assert_eq!((range(Api::Metadata), range(Api::ApiVersions)), (Some((1, 7)), Some((0, 2))));
    assert_eq!(range(Api::DescribeCluster), None);
    sim.ask(c, 7, MetadataRequest::default());
    sim.send(c, 8, MetadataRequest::default());
    assert_eq!(sim.closed, [c]);

    sim.core.steer(Steer::UnpinVersions, sim.now).unwrap();
    let c = sim.connect(1);
    sim.ask(c, 8, MetadataRequest::default());
    let error = sim.core.steer(pin(Api::Metadata, Some(0..=99)), sim.now).unwrap_err();
    assert_eq!(error.to_string(), "the broker has Metadata in the versions 0 to 13");
    let error = sim.core.steer(pin(Api::Vote, None), sim.now).unwrap_err();
    assert_eq!(error.to_string(), "the broker does not have Vote");
}
