//! ApiVersions (key 18): what the broker has (KIP-35, KIP-511, KIP-584).

use milena_protocol::messages::api_versions::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use milena_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use milena_protocol::{Api, ErrorCode, Str};

use crate::core::requests::Context;
use crate::core::versions::Versions;

/// The version of a request that says which software asks.
const SOFTWARE: i16 = 3;
/// The version of a response that can say that a feature begins with 0 (KAFKA-17492).
const ZERO_FEATURES: i16 = 4;

/// Features, their lowest and highest levels, and the level that is on: those that change what clients do.
const FEATURES: &[(&str, i16, i16, i16)] =
    &[("group.version", 0, 1, 1), ("metadata.version", 7, 30, 30), ("transaction.version", 0, 2, 2)];

pub(super) fn handle(
    versions: &Versions,
    context: &Context<'_>,
    request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse::default();
    let names = [&request.client_software_name, &request.client_software_version];
    if context.version >= SOFTWARE && !names.into_iter().all(is_software_name) {
        response.error_code = ErrorCode::INVALID_REQUEST;
        return response;
    }
    response.api_keys = versions.offered().map(|(api, range)| api_version(api, range)).collect();
    for &(name, min, max, level) in FEATURES {
        if min > 0 || context.version >= ZERO_FEATURES {
            let mut feature = SupportedFeatureKey::default();
            feature.name = Str::from_static(name);
            (feature.min_version, feature.max_version) = (min, max);
            response.supported_features.push(feature);
        }
        let mut feature = FinalizedFeatureKey::default();
        feature.name = Str::from_static(name);
        (feature.min_version_level, feature.max_version_level) = (level, level);
        response.finalized_features.push(feature);
    }
    response.finalized_features_epoch = 0;
    response
}

/// The answer to a version that the broker does not know: an error, and the versions that it does know (KIP-511).
pub(super) fn unsupported(versions: &Versions) -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse::default();
    response.error_code = ErrorCode::UNSUPPORTED_VERSION;
    let range = versions.range(Api::ApiVersions);
    response.api_keys = range.map(|range| api_version(Api::ApiVersions, range)).into_iter().collect();
    response
}

fn api_version(api: Api, range: &std::ops::RangeInclusive<i16>) -> ApiVersion {
    let mut version = ApiVersion::default();
    version.api_key = api.key();
    (version.min_version, version.max_version) = (*range.start(), *range.end());
    version
}

/// Letters and digits, with dashes and dots between them.
fn is_software_name(name: &Str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.chars().all(is_inner) && is_outer(name.chars().next()) && is_outer(name.chars().next_back())
}
