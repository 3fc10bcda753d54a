//! What hostile frames can make the parsers allocate: at most 64 times the frame. (What is promised allows 64 KiB
//! besides, which in frames as small as these would hide too much.)

#![allow(dead_code, reason = "`common` has more than this test needs")]

use bytes::{Bytes, BytesMut};
use milena_protocol::{Api, Limits, Message, Pairing, Request, RequestHeader, Response, ResponseHeader};

mod common;

const FACTOR: u64 = 64;

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
            let bound = FACTOR * frame.len() as u64;
            assert!(memory.bytes_max <= bound, "{} bytes for {frame:?}", memory.bytes_max);
            frames += 1;
        }
    }
    frames
}

#[test]
fn a1_counts_as_high_as_can_be_three_levels_deep_stay_within_the_bound() {
    // The topics that a member of a group subscribes to: empty strings, to the end of the frame.
    let group = b"\0\0\0\x01\x01\0\0\0\0\0\0\0\0\x01";
    let member = b"\x01\0\0\0\0\0\0\x01\x01";
    check_levels(Api::ConsumerGroupDescribe, 1, [b"\0\0\0\0", group, member], b"\x01");
    // What could set a setting of a resource: name and value are empty.
    let resource = b"\0\0\x01\x02\x01";
    let setting = b"\x01\x01\0\0\0";
    check_levels(Api::DescribeConfigs, 4, [b"\0\0\0\0", resource, setting], b"\x01\x01\0\0");
}

/// A response of three arrays, each the first thing in the one around it, behind these fields; the innermost holds
/// `element` again and again.
fn check_levels(api: Api, version: i16, fields: [&[u8]; 3], element: &[u8]) {
    const SIZE: usize = 100_000;
    let mut frame = vec![0, 0, 0, 1, 0];
    for (level, fields) in fields.into_iter().enumerate() {
        frame.extend_from_slice(fields);
        // As many elements as there are bytes behind the count, or as there are; one more is the compact form of it.
        let size = if level == 2 { element.len() } else { 1 };
        let mut count = (SIZE - frame.len() - 3) / size + 1;
        for _ in 0..2 {
            frame.push(count as u8 | 0x80);
            count >>= 7;
        }
        frame.push(count as u8);
    }
    let left = SIZE - frame.len();
    frame.extend(element.iter().cycle().take(left));
    let frame = Bytes::from(frame);
    let pairing = Pairing { api_key: api.key(), api_version: version, correlation_id: 1 };
    let mut end = None;
    let memory = allocation_counter::measure(|| {
        end = Response::parse(&frame, pairing, &Limits::default()).err().map(|error| error.offset);
    });
    assert!(end > Some(SIZE - 2 * element.len()), "{api}: parsing ended at {end:?}");
    assert!(memory.bytes_max <= FACTOR * SIZE as u64, "{} bytes for {api}", memory.bytes_max);
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
