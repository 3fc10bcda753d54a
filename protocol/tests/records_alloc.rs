//! Counts allocations: none per record, none per batch once warm, and no more than the budget for hostile data.
//!
//! Rust's allocations are counted, per thread. (zstd's own context comes from C's allocator: some 100 KiB, once.)
#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use std::hint::black_box;

use milena_protocol::records::{
    BatchBuilder, Batches, CodecFault, Compression, Decompressor, Header, LegacyBuilder, RecordErrorKind,
};

/// How often `work` allocates, and how many bytes it holds at most.
fn measured<T>(work: impl FnOnce() -> T) -> (T, u64, u64) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(work()));
    (result.unwrap(), info.count_total, info.bytes_max)
}

/// Reads every field of every record.
fn read(blob: &[u8], decompressor: &mut Decompressor) -> Result<usize, RecordErrorKind> {
    let mut count = 0;
    for batch in Batches::new(blob) {
        let batch = batch.map_err(|error| error.kind())?;
        for record in batch.records(decompressor).map_err(|error| error.kind())? {
            let record = record.map_err(|error| error.kind())?;
            black_box((record.offset, record.timestamp, record.key, record.value));
            for header in record.headers() {
                black_box(header);
            }
            count += 1;
        }
    }
    Ok(count)
}

fn blob(compression: Compression, batches: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::with_compression(compression).unwrap();
    let mut blob = Vec::new();
    for batch in 0..batches {
        for n in 0..100 {
            let value = format!("{{\"batch\":{batch},\"number\":{n}}}");
            let header = Header { key: b"trace", value: Some(b"abc") };
            builder.append(n, Some(b"key"), Some(value.as_bytes()), &[header]).unwrap();
        }
        blob.extend_from_slice(&builder.build());
    }
    blob
}

#[test]
fn reading_uncompressed_records_allocates_nothing() {
    let blob = blob(Compression::None, 10);
    let mut decompressor = Decompressor::new();
    let (count, allocations, _) = measured(|| read(&blob, &mut decompressor));
    assert_eq!((count, allocations), (Ok(1000), 0));
}

#[test]
fn a_warm_decompressor_allocates_nothing_with_any_codec() {
    let mut decompressor = Decompressor::new();
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let blob = blob(compression, 10);
        assert_eq!(read(&blob, &mut decompressor), Ok(1000));
        let (count, allocations, _) = measured(|| read(&blob, &mut decompressor));
        assert_eq!((count, allocations), (Ok(1000), 0), "{compression}");
    }
}

#[test]
fn reading_messages_in_wrappers_allocates_nothing_once_warm() {
    let mut builder = LegacyBuilder::new(1, Compression::Gzip).unwrap();
    (0..500).for_each(|n| builder.append(n, n, None, Some(b"some value")).unwrap());
    let blob = builder.build();
    let mut decompressor = Decompressor::new();
    assert_eq!(read(&blob, &mut decompressor), Ok(500));
    let (count, allocations, _) = measured(|| read(&blob, &mut decompressor));
    assert_eq!((count, allocations), (Ok(500), 0));
}

#[test]
fn building_and_printing_an_error_are_apart() {
    let mut blob = blob(Compression::None, 1);
    *blob.last_mut().unwrap() ^= 1;
    let mut decompressor = Decompressor::new();
    let (result, allocations, _) = measured(|| read(&blob, &mut decompressor));
    assert!(matches!(result, Err(RecordErrorKind::Crc { .. })));
    assert_eq!(allocations, 0);
}

#[test]
fn a_bomb_takes_the_budget_and_what_the_contexts_take() {
    const BUDGET: usize = 1 << 20;
    // An inflate state is some 50 KiB. While the buffer grows, there are two.
    const MOST: u64 = 2 * BUDGET as u64 + (64 << 10);
    let zeroes = vec![0; 8 << 20];
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut builder = BatchBuilder::with_compression(compression).unwrap();
        builder.append(0, None, Some(&zeroes), &[]).unwrap();
        let bomb = builder.build();
        let (result, _, peak) = measured(|| {
            let mut decompressor = Decompressor::with_budget(BUDGET);
            read(&bomb, &mut decompressor)
        });
        let fault = CodecFault::OverBudget { budget: BUDGET };
        assert_eq!(result, Err(RecordErrorKind::Decompression { compression, fault }));
        assert!(peak <= MOST, "{compression}: {peak} bytes");
    }
}

/// A batch that says it is compressed, around these very bytes.
fn batch_with(compression: Compression, count: i32, data: &[u8]) -> Vec<u8> {
    let mut blob = BatchBuilder::new().build().to_vec();
    blob.extend_from_slice(data);
    let size = (blob.len() - 12) as i32;
    blob[8..12].copy_from_slice(&size.to_be_bytes());
    blob[22] = compression.id();
    blob[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&blob[21..]);
    blob[17..21].copy_from_slice(&crc.to_be_bytes());
    blob
}

#[test]
fn sizes_that_data_claims_are_never_reserved() {
    let hostile: [(Compression, &[u8]); 6] = [
        // 4 GiB in four bytes, raw and in a xerial block.
        (Compression::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
        (Compression::Snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x06\xff\xff\xff\xff\x0f\0"),
        // A xerial block of 2 GiB.
        (Compression::Snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\x7f\xff\xff\xff\0"),
        // Blocks of 4 MiB; the first is said to be as large.
        (Compression::Lz4, &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73, 0, 0, 0x40, 0]),
        // A window of 1 TiB or so, no content size.
        (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf0, 0x01, 0, 0]),
        // 2^60 bytes of content.
        (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0]),
    ];
    for (number, (compression, data)) in hostile.into_iter().enumerate() {
        let blob = batch_with(compression, i32::MAX, data);
        let (result, _, peak) = measured(|| read(&blob, &mut Decompressor::new()));
        assert!(result.is_err(), "{number}");
        assert!(peak < 256 << 10, "{number}: {peak} bytes");
    }
}

#[test]
fn a_count_of_two_billion_records_reserves_nothing() {
    let blob = batch_with(Compression::None, i32::MAX, &[12, 0, 0, 0, 1, 1, 0]);
    let (result, allocations, _) = measured(|| {
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        let mut decompressor = Decompressor::new();
        batch.records(&mut decompressor).unwrap().collect::<Result<Vec<_>, _>>().is_err()
    });
    assert!(result);
    assert!(allocations <= 1, "{allocations}");
}
