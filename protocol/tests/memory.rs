//! What hostile frames can make the parsers allocate: at most 64 times the frame and 64 KiB.

#![allow(dead_code, reason = "`common` has more than this test needs")]

use bytes::{Bytes, BytesMut};
use milena_protocol::{Api, Limits, Message, Pairing, Request, RequestHeader, Response, ResponseHeader};

mod common;

const FACTOR: u64 = 64;
const ALLOWANCE: u64 = 64 << 10;

/// How many bytes the hostile part of a frame has.
const FILL: usize = 4000;

#[test]
fn a1_no_frame_makes_a_parser_take_more_than_64_times_its_size() {
    let mut frames = 0;
    for &api in Api::ALL.iter().filter(|api| api.is_parsed()) {
        for case in common::cases(&format!("{api}Request")) {
            if case.name == "full" {
                let mut header = BytesMut::new();
                let fields = RequestHeader::new(api, case.version, 1, None);
                fields.write(api.request_header_version(case.version), &mut header).unwrap();
                frames +=
                    hostile(&header, &case.bytes, |frame| Request::parse(frame, &Limits::default()).is_ok());
            }
        }
        for case in common::cases(&format!("{api}Response")) {
            if case.name == "full" {
                let mut header = BytesMut::new();
                let version = api.response_header_version(case.version);
                ResponseHeader::new(1).write(version, &mut header).unwrap();
                let pairing = Pairing { api_key: api.key(), api_version: case.version, correlation_id: 1 };
                frames += hostile(&header, &case.bytes, |frame| {
                    Response::parse(frame, pairing, &Limits::default()).is_ok()
                });
            }
        }
    }
    assert!(frames > 10_000, "only {frames} frames were tried");
}

/// Cuts a good body at every byte and goes on with what makes arrays large: counts as high as the bytes that follow
/// allow, and elements as small as they can be. Gives back the number of frames.
fn hostile(header: &[u8], body: &[u8], parse: impl Fn(&Bytes) -> bool) -> usize {
    let compact_count = [(FILL + 1) as u8 | 0x80, ((FILL + 1) >> 7) as u8];
    let count = (FILL as i32).to_be_bytes();
    let tails: [(&[u8], u8); 6] = [
        (&compact_count, 1),
        (&compact_count, 0),
        (&compact_count, 2),
        (&count, 0),
        (&count, 0xff),
        (&[], 0xff),
    ];
    let ends = (0..body.len()).take(600);
    let mut frames = 0;
    for end in ends {
        for (count, fill) in tails {
            let frame = Bytes::from([header, &body[..end], count, &[fill; FILL]].concat());
            let memory = allocation_counter::measure(|| {
                std::hint::black_box(parse(&frame));
            });
            let bound = FACTOR * frame.len() as u64 + ALLOWANCE;
            assert!(memory.bytes_max <= bound, "{} bytes for {frame:?}", memory.bytes_max);
            frames += 1;
        }
    }
    frames
}

#[test]
fn a1_the_bytes_that_abort_other_parsers_are_an_error() {
    let frame = Bytes::from_static(&[0x03, 0x00, 0x00, 0x03, 0x3c, 0x0c, 0x00, 0xb6]);
    for api_key in Api::ALL.iter().map(|api| api.key()) {
        for version in 0..20 {
            let body = [&api_key.to_be_bytes()[..], &version_bytes(version), &[0; 6], &frame].concat();
            // Whatever it is taken for, it comes back.
            let _ = Request::parse(&body.into(), &Limits::default());
            let pairing = Pairing { api_key, api_version: version, correlation_id: 0x0300_0003 };
            let _ = Response::parse(&frame, pairing, &Limits::default());
        }
    }
    assert!(Request::parse(&frame, &Limits::default()).is_err());
}

fn version_bytes(version: i16) -> [u8; 2] {
    version.to_be_bytes()
}
