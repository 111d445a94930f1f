//! What Pixelbank does to an allocator, in small: tiles, encoded tiles, rows, small objects, whole pictures, and the
//! scratch memory of C decoders, which is glibc's whatever Rust uses. Prints one line of JSON.
mod mix;
mod watch;

use std::time::Duration;

use pixelbank_memory::{Bank, resident_bytes};

use crate::watch::{Live, Watch};

const THREADS: u64 = 4;

/// Runs both parts. `steps` (the first argument) is how much each thread does in the first of them.
pub fn run() {
    let steps: u64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    if std::env::var_os("TUNE_C").is_some() {
        tune_glibc();
    }
    let bank = Bank::builder()
        .host_bytes(16 << 30)
        .build()
        .expect("limits are plain numbers");
    let live = Live::default();
    let start = resident();

    // Part one: the server at work inside a small budget. Everything is at most 8 MiB.
    let watch = Watch::start(&live, start);
    let cpu = cpu_seconds();
    mix::serve(&bank, &live, THREADS, steps);
    let serve_cpu = cpu_seconds() - cpu;
    let serve = watch.stop();
    std::thread::sleep(Duration::from_millis(100));
    let serve_left = resident().saturating_sub(start);

    // Part two: pictures of 100 KB to 366 MB come and go.
    let watch = Watch::start(&live, start);
    let cpu = cpu_seconds();
    mix::pictures(&bank, &live);
    let pictures_cpu = cpu_seconds() - cpu;
    let pictures = watch.stop();
    std::thread::sleep(Duration::from_millis(100));
    let pictures_left = resident().saturating_sub(start);
    std::thread::sleep(Duration::from_millis(2_900));
    let settled = resident().saturating_sub(start);

    println!(
        "{{\"serve_peak_live\":{},\"serve_peak_resident\":{},\"serve_peak_over\":{},\"serve_left\":{serve_left},\
         \"serve_cpu_s\":{serve_cpu:.3},\"pictures_peak_live\":{},\"pictures_peak_resident\":{},\
         \"pictures_peak_over\":{},\"pictures_left\":{pictures_left},\"pictures_cpu_s\":{pictures_cpu:.3},\
         \"settled\":{settled}}}",
        serve.live, serve.resident, serve.over, pictures.live, pictures.resident, pictures.over,
    );
}

fn resident() -> u64 {
    resident_bytes().expect("Linux tells")
}

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to writable memory of the right type, and zero is a valid value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Keeps glibc from raising its own limits: from 128 KiB on each block is a mapping, and few arenas hold on to memory.
fn tune_glibc() {
    // SAFETY: mallopt takes plain numbers; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 512 << 10);
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
