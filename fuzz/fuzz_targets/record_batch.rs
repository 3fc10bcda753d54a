//! Oracle: iterators and cursors read the same; what is read can be written, and reads as the same records.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milena_fuzz_oracles::record_batch(data));
