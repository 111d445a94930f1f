//! Everything at once: loads that are shared, eviction, and invalidation, with room for a few tiles.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use pixelbank_cache::{Cache, CacheOptions, Policy};
use pixelbank_image::Rect;
use pixelbank_memory::Wait;

use super::generated::Generated;
use super::{MIB, TILED, bank, expected, try_read};

const READERS: u32 = 16;
const READS: u32 = 300;
const VERSIONS: u64 = 100;

/// Readers by the dozen while the file changes under them: each sees one version of a tile, never one that was invalidated
/// before it asked, and the budget holds.
#[test]
fn readers_see_no_tile_from_before_an_invalidation() {
    for policy in Policy::ALL {
        let limit = MIB;
        let bank = bank(limit, 0);
        let picture = Generated::new(&[(1024, 512, TILED)]);
        let mut options = CacheOptions::new("test", {
            let picture = picture.clone();
            move |_| Ok(picture.open())
        });
        options.policy = policy;
        let cache = Cache::new(&bank, options).unwrap();
        let (invalidated, done) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let readers: Vec<_> = (0..READERS)
                .map(|seed| {
                    let (cache, invalidated, picture) = (&cache, &invalidated, &picture);
                    scope.spawn(move || {
                        let mut random = (seed + 1).wrapping_mul(2_654_435_761);
                        for _ in 0..READS {
                            random ^= random << 13;
                            random ^= random >> 17;
                            random ^= random << 5;
                            // Within one tile, which is of one version; half of the reads in a corner that fits.
                            let n = if random % 2 == 0 {
                                random / 7 % 8
                            } else {
                                random / 7 % 64
                            };
                            let rect = Rect::new(n % 8 * 128 + 3, n / 8 * 64 + 5, 100, 50);
                            let least = invalidated.load(Ordering::SeqCst);
                            let wait = Wait::at_most(Duration::from_secs(60));
                            let image = cache.image(OsStr::new("picture"), &wait).unwrap();
                            let pixels = try_read(&image, 0, rect, &wait).unwrap();
                            let most = picture.counters.version.load(Ordering::SeqCst);
                            let version = u64::from(pixels[0]);
                            assert!(
                                (least..=most).contains(&version),
                                "{least} <= {version} <= {most}"
                            );
                            assert_eq!(pixels, expected(0, rect, version));
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                for version in 1..=VERSIONS {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    picture.counters.version.store(version, Ordering::SeqCst);
                    if version % 5 == 0 {
                        cache.invalidate_all();
                    } else {
                        cache.invalidate(OsStr::new("picture"));
                    }
                    invalidated.store(version, Ordering::SeqCst);
                    thread::yield_now();
                }
            });
            let results: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
            done.store(true, Ordering::SeqCst);
            assert!(results.iter().all(Result::is_ok));
        });
        let ledger = bank.ledger();
        assert!(ledger.host.peak_bytes <= limit && ledger.host.overdrafts == 0);
        assert!(cache.stats().evictions > 0);
        drop(cache);
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }
}
