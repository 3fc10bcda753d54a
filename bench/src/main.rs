//! How fast messages are decoded and encoded, and Fetch responses read down to every record's key and value.
//!
//! See README.md for what is measured.

mod data;
mod kafka_protocol_crate;
mod messages;
mod milena;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_protocol::records::Compression;

use data::Response;

const MEASURED: Duration = Duration::from_millis(1000);

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    messages::measure(&wanted);
    println!();
    println!("codec   value  batch     ratio | milena M records/s   GB/s | kafka-protocol M records/s | times");
    for compression in Compression::ALL {
        for value_bytes in [100, 1024] {
            for batch_bytes in [16 << 10, 1 << 20] {
                let row = format!("{:<6} {value_bytes:>6} {batch_bytes:>8}", compression.name());
                if row.contains(&wanted) {
                    measure(&row, &Response::new(compression, value_bytes, batch_bytes));
                }
            }
        }
    }
}

fn measure(row: &str, response: &Response) {
    let mut milena = milena::Reader::default();
    assert_eq!(milena.read(&response.frame), kafka_protocol_crate::read(&response.frame), "both read the same");

    let ours = best(|| milena.read(black_box(&response.frame)));
    let theirs = best(|| kafka_protocol_crate::read(black_box(&response.frame)));
    println!(
        "{row}  {:>6.2} | {:>18.1}  {:>5.2} | {:>26.1} | {:>5.1}",
        response.uncompressed_bytes as f64 / response.frame.len() as f64,
        response.records as f64 / ours / 1e6,
        response.uncompressed_bytes as f64 / ours / 1e9,
        response.records as f64 / theirs / 1e6,
        theirs / ours,
    );
}

/// The seconds of the fastest pass.
fn best<T>(mut pass: impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    let mut best = Duration::MAX;
    while started.elapsed() < MEASURED {
        let start = Instant::now();
        black_box(pass());
        best = best.min(start.elapsed());
    }
    best.as_secs_f64()
}

/// What each library must find in a record, so that none gets away without reading it.
#[inline(always)]
fn touch(offset: i64, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    (offset as u64).wrapping_add(timestamp as u64).wrapping_add(ends(key)).wrapping_add(ends(value))
}

#[inline(always)]
fn ends(bytes: Option<&[u8]>) -> u64 {
    match bytes {
        Some(bytes @ [first, .., last]) => bytes.len() as u64 + u64::from(*first) + u64::from(*last),
        _ => 0,
    }
}

/// The version of the Fetch response.
const VERSION: i16 = 12;

/// The frame without its header, a correlation id and no tagged fields, which both libraries parse alike.
fn body(frame: &Bytes) -> Bytes {
    frame.slice(5..)
}
