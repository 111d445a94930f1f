#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pixelbank_fuzz::mesh::outline("dxf", data));
