//! How long a broker wants to be left alone (T25).
//!
//! When a client is over its quota the broker says for how long to hold back. It used to hold the answer back itself for
//! that time; since KIP-219 it answers at once and the client does the waiting, from a version on that is different for
//! each API.

use std::time::Duration;

use milena_protocol::{Api, ResponseBody};

/// How long nothing may be sent on the connection on which this answer came.
pub fn hold_back(body: &ResponseBody, version: i16) -> Duration {
    let since = body.api().and_then(Api::first_throttled_by_client);
    match body.throttle_time_ms() {
        Some(ms) if since.is_some_and(|since| version >= since) => Duration::from_millis(ms.max(0) as u64),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::{FetchResponse, OffsetForLeaderEpochResponse};

    use super::*;

    #[test]
    fn t25_an_answer_of_a_version_whose_broker_waits_itself_holds_nothing_back() {
        let mut fetch = FetchResponse::default();
        fetch.throttle_time_ms = 250;
        let body = ResponseBody::Fetch(fetch);
        assert_eq!(hold_back(&body, 8), Duration::from_millis(250));
        assert_eq!(hold_back(&body, 7), Duration::ZERO);
        let other = ResponseBody::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse::default());
        assert_eq!(hold_back(&other, 4), Duration::ZERO);
    }

    #[test]
    fn a_negative_time_is_none() {
        let mut fetch = FetchResponse::default();
        fetch.throttle_time_ms = -1;
        assert_eq!(hold_back(&ResponseBody::Fetch(fetch), 8), Duration::ZERO);
    }
}
