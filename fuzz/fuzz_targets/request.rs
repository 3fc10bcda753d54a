//! Oracle: what parses can be written, and reads as the same request; so does its JSON; memory stays within the limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milena_fuzz_oracles::request(data));
