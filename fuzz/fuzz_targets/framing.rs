//! Oracle: however a stream is cut, the same frames come out, and the same error, in memory that its bytes account for.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milena_fuzz_oracles::framing(data));
