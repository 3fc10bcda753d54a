//! Oracle: memory stays within the budget; a used decompressor gives what a new one does; what we compress comes back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milena_fuzz_oracles::decompress(data));
