//! Oracle: as for requests; the input begins with the key and version of the request that is answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milena_fuzz_oracles::response(data));
