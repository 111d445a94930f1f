//! Many threads at once, with everybody taking from everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pixelbank_memory::{Account, Wait};
use pixelbank_pool::{Backend, DType, HostMemory, Request, Scope, SimulatedDevice, TensorDesc};

use crate::rig::{MIB, Rig};

/// Numbers without a pattern.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn nothing_is_given_out_twice_and_the_books_hold() {
    let backend: Arc<dyn Backend> = Arc::new(HostMemory::default());
    let rig = Rig::new(&backend);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4u64)
            .map(|worker| {
                let rig = &rig;
                scope.spawn(move || {
                    let mut random = Random(worker + 1);
                    let mut held = Vec::new();
                    for round in 0..4000u64 {
                        let pages = 1 + random.below(12);
                        let desc = TensorDesc::new([pages * 4096], DType::U8);
                        let slack = if random.below(4) == 0 { 50 } else { 0 };
                        let request = Request {
                            larger_fit_percent: slack,
                            ..Request::default()
                        };
                        let mut tensor = rig.pool.tensor_with(&desc, &request).unwrap();
                        // A mark that nobody else may overwrite while it is held.
                        let mark = worker << 32 | round;
                        tensor.as_bytes_mut().unwrap()[..8].copy_from_slice(&mark.to_le_bytes());
                        held.push((tensor, mark));
                        if held.len() > 20 {
                            let n = random.below(held.len() as u64) as usize;
                            let (tensor, mark) = held.swap_remove(n);
                            let bytes = tensor.as_bytes().unwrap();
                            assert_eq!(bytes[..8], mark.to_le_bytes());
                        }
                    }
                })
            })
            .collect();
        // Meanwhile others want memory, limits move, and everything is cleared.
        let (rig, is_over) = (&rig, &is_over);
        let disturber = scope.spawn(move || {
            let other = rig.bank.holder(Account::Tiles, "tile", "");
            let mut random = Random(99);
            while !is_over.load(Ordering::Relaxed) {
                match random.below(5) {
                    0 => drop(other.reserve(56 * MIB, &Wait::never())),
                    1 => rig
                        .pool
                        .set_limit(rig.device, random.below(16) * MIB)
                        .unwrap(),
                    2 => rig.pool.clear(Scope::AllThreads),
                    3 => drop(rig.pool.stats()),
                    _ => drop(rig.pool.trim(rig.device, MIB)),
                }
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        disturber.join().unwrap();
    });
    rig.pool.set_limit(rig.device, 16 * MIB).unwrap();
    assert_eq!(rig.held_bytes(), rig.idle_bytes());
}

#[test]
fn what_one_thread_makes_and_another_drops_does_not_pile_up() {
    let backend: Arc<dyn Backend> = Arc::new(HostMemory::default());
    let rig = Rig::new(&backend);
    let (sender, receiver) = std::sync::mpsc::sync_channel(16);
    thread::scope(|scope| {
        scope.spawn(move || {
            receiver
                .into_iter()
                .for_each(drop::<pixelbank_pool::Tensor>)
        });
        let desc = TensorDesc::new([4096], DType::U8);
        for _ in 0..20_000 {
            sender.send(rig.pool.tensor(&desc).unwrap()).unwrap();
        }
        drop(sender);
    });
    let stats = rig.pool.stats();
    // 16 on the way, one at each end, and what the two threads keep for themselves.
    assert!(stats.classes[0].peak_count <= 48, "{stats}");
}

#[test]
fn streams_of_many_threads_are_kept_in_order() {
    let device = SimulatedDevice::new(0, 64 * MIB);
    let backend: Arc<dyn Backend> = Arc::new(device.clone());
    let rig = Rig::new(&backend);
    thread::scope(|scope| {
        for worker in 0..3u64 {
            let rig = &rig;
            scope.spawn(move || {
                let mut random = Random(worker + 7);
                let streams = [(); 2].map(|()| rig.pool.stream(rig.device).unwrap());
                for _ in 0..400 {
                    let stream = &streams[random.below(2) as usize];
                    let request = Request {
                        stream: Some(stream),
                        ..Request::default()
                    };
                    let desc = rig.desc(1 + random.below(2));
                    let tensor = rig.pool.tensor_with(&desc, &request).unwrap();
                    stream.submit(&[&tensor], thread::yield_now).unwrap();
                }
                for stream in &streams {
                    stream.synchronize().unwrap();
                }
            });
        }
    });
    assert_eq!(device.hazards(), 0);
    assert_eq!(device.allocated_bytes(), rig.held_bytes());
    assert!(device.peak_bytes() <= 64 * MIB);
}
