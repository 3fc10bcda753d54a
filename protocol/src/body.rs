//! What follows a header: every request and every response that milena parses, and those that it does not.

use std::ops::RangeInclusive;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use crate::message::{Left, read_to_end};
use crate::messages::*;
use crate::refusal::Refuse;
use crate::sealed::Sealed;
use crate::wire::Input;
use crate::{Api, ErrorCode, Message};
#[cfg(feature = "json")]
use crate::{JsonError, MessageJson};

/// A message that asks something of a broker, and which message answers it. It is implemented here only.
pub trait RequestMessage: Message + Into<RequestBody> + Sealed {
    /// The API that it belongs to.
    const API: Api;
    /// What a broker answers.
    type Response: Message + Into<ResponseBody> + TryFrom<ResponseBody, Error = ResponseBody>;

    /// The answer of `version` that says nothing but `code`: of everything that was asked for, or of the whole.
    fn refuse(&self, version: i16, code: ErrorCode) -> Self::Response;
}

impl Api {
    /// Whether milena parses its messages; all others travel unread.
    pub const fn is_parsed(self) -> bool {
        RequestBody::is_parsed(self)
    }
}

/// The API, if this version of it is known.
pub(crate) fn known(key: i16, version: i16) -> Option<Api> {
    Api::from_key(key).filter(|api| api.versions().contains(&version))
}

macro_rules! bodies {
    ($($api:ident $request:ident $response:ident,)*) => {
        body! {
            /// What a request asks.
            RequestBody " request" {
                $($api $request,)*
                /// A request that milena does not parse: all bytes after the client id.
                Unknown,
            }
        }

        body! {
            /// What a response answers.
            ResponseBody " response" {
                $($api $response,)*
                /// A response that milena does not parse: all bytes after the correlation id.
                Unknown,
            }
        }

        $(
            impl Sealed for $request {}

            impl RequestMessage for $request {
                const API: Api = Api::$api;
                type Response = $response;

                fn refuse(&self, version: i16, code: ErrorCode) -> $response {
                    self.refusal(version, code)
                }
            }
        )*

        impl RequestBody {
            /// The answer of `version` that says nothing but `code`, see [`Request::refuse`](crate::Request::refuse);
            /// `None` where none is expected, and for a request that is not parsed.
            pub fn refuse(&self, version: i16, code: ErrorCode) -> Option<ResponseBody> {
                match self {
                    RequestBody::Produce(body) if body.acks == 0 => None,
                    $(RequestBody::$api(body) => Some(body.refuse(version, code).into()),)*
                    RequestBody::Unknown(_) => None,
                }
            }
        }

        impl ResponseBody {
            /// For how many milliseconds the client is to hold back, as its broker says; `None` for a response that is not
            /// parsed. [`Api::first_throttled_by_client`] says who does the waiting.
            pub fn throttle_time_ms(&self) -> Option<i32> {
                match self {
                    $(ResponseBody::$api(body) => Some(body.throttle_time_ms),)*
                    ResponseBody::Unknown(_) => None,
                }
            }

            /// Where it says for how many milliseconds the client is to hold back; `None` in a response that is not parsed.
            /// Versions that have no room for it leave it out.
            pub fn throttle_time_ms_mut(&mut self) -> Option<&mut i32> {
                match self {
                    $(ResponseBody::$api(body) => Some(&mut body.throttle_time_ms),)*
                    ResponseBody::Unknown(_) => None,
                }
            }
        }
    };
}

/// One direction.
macro_rules! body {
    (
        $(#[$about:meta])*
        $body:ident $direction:literal {
            $($api:ident $message:ident,)*
            $(#[$about_unknown:meta])*
            Unknown,
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "a box would be one more allocation for each frame")]
        pub enum $body {
            $(
                #[doc = concat!("A ", stringify!($api), $direction, ".")]
                $api($message),
            )*
            $(#[$about_unknown])*
            Unknown(Bytes),
        }

        impl $body {
            /// The API that it belongs to; `None` where it is not parsed, as the header alone says so then.
            pub const fn api(&self) -> Option<Api> {
                match self {
                    $($body::$api(_) => Some(Api::$api),)*
                    $body::Unknown(_) => None,
                }
            }

            /// Refuses to be written behind the header of another API. What is not parsed may be anything.
            pub(crate) fn check_api(&self, api_key: i16, version: i16) -> Result<(), EncodeError> {
                let message = match self {
                    $($body::$api(_) if Api::$api.key() != api_key => $message::NAME,)*
                    _ => return Ok(()),
                };
                Err(EncodeError { message, version, field: "", kind: EncodeErrorKind::WrongApi { api_key } })
            }

            /// Parses a body without its header; `Unknown` where milena does not know the API or the version.
            pub fn read(api_key: i16, version: i16, body: &Bytes) -> Result<Self, DecodeError> {
                Self::parse(Input::new(body, version, false), api_key, version, Left::Refused)
            }

            /// As [`read`](Self::read), but for bytes after the body: they are passed over, as by
            /// [`Request::parse_front`](crate::Request::parse_front).
            pub fn read_front(api_key: i16, version: i16, body: &Bytes) -> Result<Self, DecodeError> {
                Self::parse(Input::new(body, version, false), api_key, version, Left::PassedOver)
            }

            /// Parses what is left of a frame when its header is read.
            pub(crate) fn parse(
                i: Input<'_>,
                api_key: i16,
                version: i16,
                after: Left,
            ) -> Result<Self, DecodeError> {
                match known(api_key, version) {
                    $(Some(Api::$api) => {
                        read_to_end(i.of(version, Api::$api.is_flexible(version)), after).map($body::$api)
                    })*
                    _ => Ok($body::Unknown(i.share(i.rest))),
                }
            }

            /// Appends the body alone to `into`; on an error nothing is appended.
            pub fn write(&self, version: i16, into: &mut BytesMut) -> Result<(), EncodeError> {
                match self {
                    $($body::$api(body) => body.write(version, into),)*
                    $body::Unknown(body) => {
                        into.put_slice(body);
                        Ok(())
                    }
                }
            }

            /// The body as Kafka's own JSON, see [`MessageJson`]; `None` for one that is not parsed.
            #[cfg(feature = "json")]
            pub fn to_json(&self, version: i16) -> Result<Option<serde_json::Value>, EncodeError> {
                match self {
                    $($body::$api(body) => body.to_json(version).map(Some),)*
                    $body::Unknown(_) => Ok(None),
                }
            }

            /// The body that Kafka's own JSON describes, see [`MessageJson`]; `None` for an API that is not parsed.
            #[cfg(feature = "json")]
            pub fn from_json(
                api: Api,
                json: &serde_json::Value,
                version: i16,
            ) -> Result<Option<Self>, JsonError> {
                match api {
                    $(Api::$api => $message::from_json(json, version).map(|body| Some($body::$api(body))),)*
                    _ => Ok(None),
                }
            }

            /// As [`from_json`](Self::from_json), but fields that are missing have their defaults.
            #[cfg(feature = "json")]
            pub fn from_partial_json(
                api: Api,
                json: &serde_json::Value,
                version: i16,
            ) -> Result<Option<Self>, JsonError> {
                match api {
                    $(Api::$api => {
                        $message::from_partial_json(json, version).map(|body| Some($body::$api(body)))
                    })*
                    _ => Ok(None),
                }
            }

            #[allow(dead_code, reason = "both directions know the same APIs, and one is asked")]
            pub(crate) const fn is_parsed(api: Api) -> bool {
                matches!(api, $(Api::$api)|*)
            }
        }

        $(
            impl Message for $message {
                const NAME: &'static str = concat!(stringify!($api), $direction);
                const VERSIONS: RangeInclusive<i16> = Api::$api.versions();
                const FIRST_FLEXIBLE: Option<i16> = Api::$api.first_flexible();
            }

            /// Gives the body back where it is another one.
            impl TryFrom<$body> for $message {
                type Error = $body;

                fn try_from(body: $body) -> Result<Self, $body> {
                    match body {
                        $body::$api(body) => Ok(body),
                        other => Err(other),
                    }
                }
            }

            impl From<$message> for $body {
                fn from(body: $message) -> Self {
                    $body::$api(body)
                }
            }
        )*
    };
}

// Every API whose messages milena parses, in the order of the keys.
bodies! {
    Produce ProduceRequest ProduceResponse,
    Fetch FetchRequest FetchResponse,
    ListOffsets ListOffsetsRequest ListOffsetsResponse,
    Metadata MetadataRequest MetadataResponse,
    OffsetCommit OffsetCommitRequest OffsetCommitResponse,
    OffsetFetch OffsetFetchRequest OffsetFetchResponse,
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse,
    JoinGroup JoinGroupRequest JoinGroupResponse,
    Heartbeat HeartbeatRequest HeartbeatResponse,
    LeaveGroup LeaveGroupRequest LeaveGroupResponse,
    SyncGroup SyncGroupRequest SyncGroupResponse,
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse,
    ListGroups ListGroupsRequest ListGroupsResponse,
    ApiVersions ApiVersionsRequest ApiVersionsResponse,
    CreateTopics CreateTopicsRequest CreateTopicsResponse,
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse,
    DeleteRecords DeleteRecordsRequest DeleteRecordsResponse,
    InitProducerId InitProducerIdRequest InitProducerIdResponse,
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse,
    AddPartitionsToTxn AddPartitionsToTxnRequest AddPartitionsToTxnResponse,
    AddOffsetsToTxn AddOffsetsToTxnRequest AddOffsetsToTxnResponse,
    EndTxn EndTxnRequest EndTxnResponse,
    TxnOffsetCommit TxnOffsetCommitRequest TxnOffsetCommitResponse,
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse,
    AlterConfigs AlterConfigsRequest AlterConfigsResponse,
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse,
    DeleteGroups DeleteGroupsRequest DeleteGroupsResponse,
    IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse,
    OffsetDelete OffsetDeleteRequest OffsetDeleteResponse,
    DescribeCluster DescribeClusterRequest DescribeClusterResponse,
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse,
    ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse,
    DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse,
}
