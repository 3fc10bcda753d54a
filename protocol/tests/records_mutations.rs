//! Changes valid blobs at random, and reads them: whatever the bytes, reading ends, without a panic, within the budget.
//!
//! Checksums are not verified, or nearly every change would end there; every other round is read with them, so that
//! this way is walked, too. To see what a failing round did, run it alone: the seed of each is its number.
#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use std::fs;
use std::path::Path;

use milena_protocol::records::{
    BatchBuilder, Batches, Compression, ControlRecord, Decompressor, Header, LegacyBuilder, RecordBuffer,
};

const BUDGET: usize = 1 << 20;

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

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut blobs = Vec::new();
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::with_compression(compression).unwrap();
        builder.set_base_offset(1000).set_producer(1, 2, 3);
        for n in 0..20 {
            let headers = [Header { key: b"a", value: None }, Header { key: b"b", value: Some(b"c") }];
            let headers = &headers[..n % 3];
            builder.append(n as i64, Some(b"key"), Some(b"a value, a value"), headers).unwrap();
        }
        blobs.push(builder.build().to_vec());
        for magic in [0, 1] {
            let Ok(mut builder) = LegacyBuilder::new(magic, compression) else { continue };
            (0..5).for_each(|n| builder.append(500 + n, n, Some(b"key"), Some(b"a value, a value")).unwrap());
            blobs.push(builder.build().to_vec());
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/records");
    let mut paths: Vec<_> = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "bin")) {
        let blob = fs::read(path).unwrap();
        if (1..8192).contains(&blob.len()) {
            blobs.push(blob);
        }
    }
    blobs
}

fn mutate(blob: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        if blob.is_empty() {
            return;
        }
        let at = random.below(blob.len());
        match random.below(6) {
            0 => blob[at] ^= 1 << random.below(8),
            1 => blob[at] = random.next() as u8,
            2 => blob[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => blob.truncate(at),
            4 => blob.insert(at, random.next() as u8),
            _ => {
                let end = at + random.below(blob.len() - at);
                let to = random.below(blob.len() - (end - at));
                blob.copy_within(at..end, to);
            }
        }
    }
}

/// Reads all there is, past errors, and touches it. Gives how many records could be read.
fn read(blob: &[u8], verify_crc: bool, decompressor: &mut Decompressor, buffer: &mut RecordBuffer) -> usize {
    let mut records = 0;
    let mut end = 0;
    for batch in Batches::new(blob).verify_crc(verify_crc) {
        let Ok(batch) = batch else { continue };
        assert!(batch.position() >= end, "batches follow one another");
        end = batch.position() + batch.size;
        let Ok(mut cursor) = decompressor.decompress(&batch, buffer) else { continue };
        assert!(buffer.len() <= BUDGET && buffer.capacity() <= BUDGET);
        let mut touched = 0;
        while let Some(record) = cursor.next(buffer) {
            let Ok(record) = record else { break };
            touched += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            assert_eq!(record.headers().count(), record.headers().len(), "headers were checked before");
            let _ = ControlRecord::parse(&record);
            records += 1;
        }
        assert!(touched <= buffer.len(), "records do not overlap");
        assert!(cursor.next(buffer).is_none(), "nothing follows the end, or an error");
    }
    assert!(end <= blob.len());
    records
}

#[test]
fn no_change_of_the_bytes_makes_reading_panic_or_pass_the_budget() {
    let seeds = seeds();
    let mut decompressor = Decompressor::with_budget(BUDGET);
    let mut buffer = RecordBuffer::new();
    let (rounds, mut records) = (20_000, 0);
    for round in 0..rounds {
        let mut random = Random(round);
        let mut blob = seeds[random.below(seeds.len())].clone();
        mutate(&mut blob, &mut random);
        records += read(&blob, round % 2 == 0, &mut decompressor, &mut buffer);
    }
    assert!(records > rounds as usize / 2, "many rounds get as far as records: {records}");
}
