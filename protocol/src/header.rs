//! The headers of requests and responses.

use std::ops::RangeInclusive;

use crate::wire::*;
use crate::{Message, Pairing};

// What each version of the request header brought.
const CLIENT_ID: i16 = 1;

/// What stands before every request.
///
/// Version 0 is that of ControlledShutdown v0 alone; version 2 comes before flexible requests. The first eight bytes
/// are the same in all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHeader {
    /// Which API is asked; see [`Api::from_key`](crate::Api::from_key).
    pub request_api_key: i16,
    /// The version of the request, and so of its response.
    pub request_api_version: i16,
    /// Chosen by the client, repeated in the response.
    pub correlation_id: i32,
    /// What the client calls itself (`client.id`), or null.
    pub client_id: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for RequestHeader {
    fn default() -> Self {
        RequestHeader {
            request_api_key: 0,
            request_api_version: 0,
            correlation_id: 0,
            client_id: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl RequestHeader {
    /// The header of a request to `api`.
    pub fn new(api: crate::Api, version: i16, correlation_id: i32, client_id: Option<Str>) -> Self {
        RequestHeader {
            request_api_key: api.key(),
            request_api_version: version,
            correlation_id,
            client_id,
            ..Self::default()
        }
    }

    /// What the response must be parsed with.
    pub fn pairing(&self) -> Pairing {
        Pairing {
            api_key: self.request_api_key,
            api_version: self.request_api_version,
            correlation_id: self.correlation_id,
        }
    }
}

impl Message for RequestHeader {
    const NAME: &'static str = "request header";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Wire for RequestHeader {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, request_api_key) = field("requestApiKey", .., int16)(i)?;
        let (i, request_api_version) = field("requestApiVersion", .., int16)(i)?;
        let (i, correlation_id) = field("correlationId", .., int32)(i)?;
        let (i, client_id) = field("clientId", CLIENT_ID.., plain_nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let header = RequestHeader {
            request_api_key,
            request_api_version,
            correlation_id,
            client_id,
            unknown_tagged_fields,
        };
        Ok((i, header))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("requestApiKey", .., &self.request_api_key);
        o.field("requestApiVersion", .., &self.request_api_version);
        o.field("correlationId", .., &self.correlation_id);
        o.ignorable("clientId", CLIENT_ID.., &PlainString(self.client_id.clone()));
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A nullable string that is not compact even in a flexible version.
struct PlainString(Option<Str>);

impl Wire for PlainString {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, text) = plain_nullable_string(i)?;
        Ok((i, PlainString(text)))
    }

    fn encode(&self, o: &mut impl Output) {
        o.plain_string(self.0.as_ref());
    }
}

/// What stands before every response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHeader {
    /// That of the request which is answered.
    pub correlation_id: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl ResponseHeader {
    /// The header of the response to the request with this correlation id.
    pub fn new(correlation_id: i32) -> Self {
        ResponseHeader { correlation_id, ..Self::default() }
    }
}

impl Message for ResponseHeader {
    const NAME: &'static str = "response header";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}

impl Wire for ResponseHeader {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, correlation_id) = field("correlationId", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ResponseHeader { correlation_id, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("correlationId", .., &self.correlation_id);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
