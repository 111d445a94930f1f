#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pixelbank_fuzz::allow_caught_panics();
    pixelbank_fuzz::decode("jxl", data);
});
