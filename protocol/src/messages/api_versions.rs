//! ApiVersions (key 18): which APIs a broker speaks, in which versions.
//!
//! It is the first request on a connection, sent before the two sides have agreed on anything. A broker that does not
//! know its version answers in version 0, with UNSUPPORTED_VERSION and the versions that it does know (KIP-511);
//! [`Response::parse`](crate::Response::parse) takes care of that.

use std::ops::RangeInclusive;

use crate::wire::*;
use crate::{Api, ErrorCode};

// What each version brought.
const THROTTLE: i16 = 1;
const SOFTWARE: i16 = 3; // KIP-511; the first flexible version
const FEATURES: i16 = 3; // KIP-584

/// Asks a broker which APIs it speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiVersionsRequest {
    /// The name of the client library (v3+); letters, digits, `.` and `-`.
    pub client_software_name: Str,
    /// The version of the client library (v3+); letters, digits, `.` and `-`.
    pub client_software_version: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ApiVersionsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, client_software_name) = field("clientSoftwareName", SOFTWARE.., string)(i)?;
        let (i, client_software_version) = field("clientSoftwareVersion", SOFTWARE.., string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ApiVersionsRequest { client_software_name, client_software_version, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("clientSoftwareName", SOFTWARE.., &self.client_software_name);
        o.ignorable("clientSoftwareVersion", SOFTWARE.., &self.client_software_version);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The APIs that a broker speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiVersionsResponse {
    /// What went wrong. With UNSUPPORTED_VERSION the APIs are there all the same.
    pub error_code: ErrorCode,
    /// The APIs, by key.
    pub api_keys: Vec<ApiVersion>,
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// The features that the broker could support (v3+).
    pub supported_features: Vec<SupportedFeatureKey>,
    /// Counts the changes of `finalized_features`; -1 where it is not known (v3+).
    pub finalized_features_epoch: i64,
    /// The features that the whole cluster has agreed on (v3+).
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Whether a KRaft controller is ready to take over from ZooKeeper (v3+).
    pub zk_migration_ready: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        ApiVersionsResponse {
            error_code: ErrorCode::NONE,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl ApiVersionsResponse {
    /// Narrows what is offered: `allowed` says for the key of an API which versions may stay, `None` for none. An API of
    /// which no version stays is left out. For a proxy, which must not let pass what it cannot read.
    ///
    /// Where Produce may stay from version 0, it does: brokers offer that, though they do not speak it any more, since
    /// librdkafka asks for it (KAFKA-18659).
    ///
    /// ```
    /// use milena_protocol::messages::{ApiVersionsResponse, api_versions::ApiVersion};
    /// use milena_protocol::Api;
    ///
    /// let mut response = ApiVersionsResponse::default();
    /// response.api_keys.push(ApiVersion::new(Api::Metadata.key(), 0, 99));
    /// response.api_keys.push(ApiVersion::new(Api::ShareFetch.key(), 1, 2));
    /// response.api_keys.push(ApiVersion::new(Api::DescribeAcls.key(), 1, 3));
    ///
    /// // A proxy that rewrites addresses: it reads what tells them, and passes on all else that it has heard of.
    /// response.clamp(|key| match Api::from_key(key)? {
    ///     api if api.tells_addresses() && !api.is_parsed() => None,
    ///     api => Some(api.versions()),
    /// });
    /// let offered: Vec<_> = response.api_keys.iter().map(|api| (api.api_key, api.max_version)).collect();
    /// assert_eq!(offered, [(3, 13), (29, 3)]);
    /// ```
    pub fn clamp(&mut self, mut allowed: impl FnMut(i16) -> Option<RangeInclusive<i16>>) {
        self.api_keys.retain_mut(|api| {
            let Some(allowed) = allowed(api.api_key) else { return false };
            api.min_version = api.min_version.max(*allowed.start());
            api.max_version = api.max_version.min(*allowed.end());
            api.min_version <= api.max_version
        });
    }

    /// Narrows what is offered to the APIs and versions that milena parses.
    pub fn clamp_to_parsed(&mut self) {
        self.clamp(|key| Api::from_key(key).filter(|api| api.is_parsed()).map(Api::versions));
    }
}

impl Wire for ApiVersionsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let supported = array(SupportedFeatureKey::decode);
        let finalized = array(FinalizedFeatureKey::decode);

        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, api_keys) = field("apiKeys", .., array(ApiVersion::decode))(i)?;
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, mut tags) = tags(i)?;
        let response = ApiVersionsResponse {
            error_code,
            api_keys,
            throttle_time_ms,
            supported_features: tags.take(0, "supportedFeatures", FEATURES.., supported)?,
            finalized_features_epoch: tags.take_or(1, "finalizedFeaturesEpoch", FEATURES.., -1, int64)?,
            finalized_features: tags.take(2, "finalizedFeatures", FEATURES.., finalized)?,
            zk_migration_ready: tags.take(3, "zkMigrationReady", FEATURES.., bool)?,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("apiKeys", .., &self.api_keys);
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.ignorable(0, "supportedFeatures", FEATURES.., Vec::new(), &self.supported_features);
            tags.ignorable(1, "finalizedFeaturesEpoch", FEATURES.., -1, &self.finalized_features_epoch);
            tags.ignorable(2, "finalizedFeatures", FEATURES.., Vec::new(), &self.finalized_features);
            tags.ignorable(3, "zkMigrationReady", FEATURES.., false, &self.zk_migration_ready);
        });
    }
}

/// The versions in which a broker speaks one API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiVersion {
    /// The key of the API; see [`Api::from_key`](crate::Api::from_key).
    pub api_key: i16,
    /// The oldest version.
    pub min_version: i16,
    /// The newest version.
    pub max_version: i16,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl ApiVersion {
    /// The versions from `min_version` to `max_version`.
    pub fn new(api_key: i16, min_version: i16, max_version: i16) -> Self {
        ApiVersion { api_key, min_version, max_version, unknown_tagged_fields: TaggedFields::default() }
    }
}

impl Wire for ApiVersion {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, api_key) = field("apiKey", .., int16)(i)?;
        let (i, min_version) = field("minVersion", .., int16)(i)?;
        let (i, max_version) = field("maxVersion", .., int16)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ApiVersion { api_key, min_version, max_version, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("apiKey", .., &self.api_key);
        o.field("minVersion", .., &self.min_version);
        o.field("maxVersion", .., &self.max_version);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A feature that a broker could support (v3+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupportedFeatureKey {
    /// The name of the feature, as in `metadata.version`.
    pub name: Str,
    /// The lowest level. Before v4 a broker leaves out features whose lowest level is 0.
    pub min_version: i16,
    /// The highest level.
    pub max_version: i16,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for SupportedFeatureKey {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, min_version) = field("minVersion", .., int16)(i)?;
        let (i, max_version) = field("maxVersion", .., int16)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, SupportedFeatureKey { name, min_version, max_version, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("minVersion", .., &self.min_version);
        o.field("maxVersion", .., &self.max_version);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A feature that the whole cluster has agreed on (v3+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinalizedFeatureKey {
    /// The name of the feature, as in `metadata.version`.
    pub name: Str,
    /// The highest level that is in use.
    pub max_version_level: i16,
    /// The lowest level that is in use.
    pub min_version_level: i16,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for FinalizedFeatureKey {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, max_version_level) = field("maxVersionLevel", .., int16)(i)?;
        let (i, min_version_level) = field("minVersionLevel", .., int16)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, FinalizedFeatureKey { name, max_version_level, min_version_level, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("maxVersionLevel", .., &self.max_version_level);
        o.field("minVersionLevel", .., &self.min_version_level);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
