#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pixelbank_fuzz::decode("jpeg2000", data);
});
