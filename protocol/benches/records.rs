//! How fast record batches are read: `cargo bench -p milena-protocol --bench records`.
//!
//! The data is what a Fetch response carries: batches of magic 2, of some 16 KiB or 1 MB before compression, whose
//! records have an 8-byte key and a value of 100 bytes or 1 KiB. Values are events as JSON: the same field names each
//! time, with random users, items, prices, times and one of 8 actions; that compresses as logs do (the ratio is
//! printed). The blob is 8 MB before compression, more than a core's own caches hold.
//!
//! Reading checks each batch's CRC, decompresses with one reused `Decompressor`, and touches offset, timestamp, key and
//! value of each record (their sum, with the length and the ends of the bytes). One thread; the best of all passes
//! within 1.5 seconds. GB/s counts the uncompressed batches. An argument picks the rows that contain it: `-- lz4`.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use milena_protocol::records::{BatchBuilder, Batches, Compression, Decompressor};

const BLOB_BYTES: usize = 8 << 20;
const MEASURED: Duration = Duration::from_millis(1500);

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return println!("`cargo bench` measures; there is nothing to test here");
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("codec   value  batch     ratio   M records/s   GB/s");
    for compression in Compression::ALL.into_iter().filter(|compression| compression.is_enabled()) {
        for value_bytes in [100, 1024] {
            for batch_bytes in [16 << 10, 1 << 20] {
                let row = format!("{:<6} {value_bytes:>6} {batch_bytes:>8}", compression.name());
                if row.contains(&wanted) {
                    let blob = Blob::new(compression, value_bytes, batch_bytes);
                    let seconds = blob.seconds_to_read();
                    println!(
                        "{row}  {:>6.2}  {:>12.1}  {:>5.2}",
                        blob.uncompressed_bytes as f64 / blob.bytes.len() as f64,
                        blob.records as f64 / seconds / 1e6,
                        blob.uncompressed_bytes as f64 / seconds / 1e9,
                    );
                }
            }
        }
    }
}

struct Blob {
    bytes: Vec<u8>,
    records: u64,
    uncompressed_bytes: usize,
}

impl Blob {
    fn new(compression: Compression, value_bytes: usize, batch_bytes: usize) -> Self {
        let mut blob = Self { bytes: Vec::new(), records: 0, uncompressed_bytes: 0 };
        let mut builder =
            BatchBuilder::with_compression(compression).expect("only enabled codecs are asked for");
        let mut random = Random(1);
        let mut value = Vec::new();
        while blob.uncompressed_bytes < BLOB_BYTES {
            builder.set_base_offset(blob.records as i64);
            while builder.estimated_size() + value_bytes <= batch_bytes {
                json(&mut value, value_bytes, &mut random);
                let timestamp = 1_700_000_000_000 + (blob.records / 20) as i64;
                let key = (random.next() % 10_000).to_be_bytes();
                builder.append(timestamp, Some(&key), Some(&value), &[]).expect("a batch of at most 1 MB");
                blob.records += 1;
            }
            blob.uncompressed_bytes += builder.estimated_size();
            blob.bytes.extend_from_slice(&builder.build());
        }
        blob
    }

    fn seconds_to_read(&self) -> f64 {
        let mut decompressor = Decompressor::new();
        let started = Instant::now();
        let mut best = Duration::MAX;
        while started.elapsed() < MEASURED {
            let pass = Instant::now();
            black_box(read(black_box(&self.bytes), &mut decompressor));
            best = best.min(pass.elapsed());
        }
        best.as_secs_f64()
    }
}

fn read(blob: &[u8], decompressor: &mut Decompressor) -> u64 {
    let mut sum = 0u64;
    for batch in Batches::new(blob) {
        for record in batch.unwrap().records(decompressor).unwrap() {
            let record = record.unwrap();
            sum = sum.wrapping_add(record.offset as u64).wrapping_add(record.timestamp as u64);
            sum = sum.wrapping_add(touch(record.key)).wrapping_add(touch(record.value));
        }
    }
    sum
}

#[inline(always)]
fn touch(bytes: Option<&[u8]>) -> u64 {
    match bytes {
        Some(bytes @ [first, .., last]) => bytes.len() as u64 + u64::from(*first) + u64::from(*last),
        _ => 0,
    }
}

/// Events as JSON, one for each 100 bytes or so, cut to exactly `size` bytes.
fn json(out: &mut Vec<u8>, size: usize, random: &mut Random) {
    const ACTIONS: [&str; 8] = ["view", "click", "search", "order", "pay", "cancel", "return", "review"];
    out.clear();
    while out.len() < size {
        let action = ACTIONS[random.next() as usize % ACTIONS.len()];
        let (user, item) = (random.next() % 100_000, random.next() % 1_000);
        let (price, time) = (random.next() % 100_000, 1_700_000_000_000 + random.next() % 60_000);
        let event = format_args!(
            "{{\"user\":\"user-{user}\",\"action\":\"{action}\",\"item\":{item},\"price\":{price},\"time\":{time}}}\n"
        );
        out.write_fmt(event).expect("memory takes it");
        if out.len() < size.min(100) {
            out.extend_from_slice(b" \"source\":\"web\",\"version\":3");
        }
    }
    out.truncate(size);
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
