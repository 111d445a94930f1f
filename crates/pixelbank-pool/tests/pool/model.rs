//! Random sequences against a simple model: books and model agree after every step, and all is zero at the end.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use pixelbank_memory::Bank;
use pixelbank_pool::{
    Backend, DType, Device, HostMemory, Pool, Request, Scope, SimulatedDevice, Stream, Tensor,
    TensorDesc,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::rig::Gate;

const THREADS: usize = 3;
const PAGE: u64 = 4096;

#[derive(Debug, Clone)]
enum Step {
    /// On a thread, so many pages, with that much slack.
    Make(usize, u64, u32),
    /// The n-th of those held, on a thread.
    Drop(usize, usize),
    Clone(usize),
    /// Work on the n-th, which does not finish by itself.
    Submit(usize),
    Finish,
    Clear(usize, bool),
    Limit(u64),
    Trim(u64),
    EndThread(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let thread = 0..THREADS;
    prop_oneof![
        6 => (thread.clone(), 1..6u64, prop_oneof![Just(0), Just(50)])
            .prop_map(|(thread, pages, slack)| Step::Make(thread, pages, slack)),
        6 => (thread.clone(), any::<prop::sample::Index>())
            .prop_map(|(thread, n)| Step::Drop(thread, n.index(1 << 16))),
        1 => any::<prop::sample::Index>().prop_map(|n| Step::Clone(n.index(1 << 16))),
        2 => any::<prop::sample::Index>().prop_map(|n| Step::Submit(n.index(1 << 16))),
        1 => Just(Step::Finish),
        1 => (thread.clone(), any::<bool>()).prop_map(|(thread, all)| Step::Clear(thread, all)),
        1 => (0..20u64).prop_map(Step::Limit),
        1 => (0..9u64).prop_map(Step::Trim),
        1 => thread.prop_map(Step::EndThread),
    ]
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does what it is told.
struct Worker(Option<(SyncSender<Job>, thread::JoinHandle<()>)>);

impl Worker {
    fn new() -> Self {
        let (sender, jobs) = sync_channel::<Job>(1);
        Self(Some((
            sender,
            thread::spawn(move || jobs.iter().for_each(|job| job())),
        )))
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, done) = sync_channel(1);
        let (jobs, _) = self.0.as_ref().unwrap();
        jobs.send(Box::new(move || sender.send(job()).unwrap()))
            .unwrap();
        done.recv().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            thread.join().unwrap();
        }
    }
}

/// What is held, in terms of the test alone: an object, and its bytes.
struct Held {
    tensor: Tensor,
    address: u64,
    /// Larger than the limit when it was made, and so not counted against it.
    is_oversize: bool,
}

/// What has work on it.
struct Busy {
    address: u64,
    bytes: u64,
    is_oversize: bool,
}

fn run(backend: Arc<dyn Backend>, simulated: Option<&SimulatedDevice>, steps: Vec<Step>) {
    let device = backend.device();
    let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
    let pool = Pool::builder(&bank)
        .device(backend, Some(8 * PAGE))
        .build()
        .unwrap();
    let mut workers: Vec<Worker> = (0..THREADS).map(|_| Worker::new()).collect();
    let stream = pool.stream(device).unwrap();
    let mut gate: Option<Gate> = None;
    let mut held: Vec<Held> = Vec::new();
    // Objects with unfinished work: address and bytes, each once.
    let mut busy: Vec<Busy> = Vec::new();
    let mut limit = 8 * PAGE;
    for step in steps {
        match step {
            Step::Make(thread, pages, slack) => {
                let desc = TensorDesc::new([pages * PAGE], DType::U8).on(device);
                let pool = pool.clone();
                let tensor = workers[thread].run(move || {
                    let request = Request {
                        larger_fit_percent: slack,
                        ..Request::default()
                    };
                    pool.tensor_with(&desc, &request).unwrap()
                });
                let address = tensor.address();
                assert!(
                    held.iter().all(|held| held.address != address),
                    "given out twice"
                );
                assert!(
                    busy.iter().all(|busy| busy.address != address),
                    "given out with work on it"
                );
                let most = pages * PAGE * (100 + u64::from(slack)) / 100;
                assert!(
                    (pages * PAGE..=most.max(pages * PAGE)).contains(&tensor.booked_bytes())
                        || slack == 0
                );
                let is_oversize = limit > 0 && tensor.booked_bytes() > limit;
                held.push(Held {
                    tensor,
                    address,
                    is_oversize,
                });
            }
            Step::Drop(thread, n) if !held.is_empty() => {
                let one = held.swap_remove(n % held.len());
                workers[thread].run(move || drop(one.tensor));
            }
            Step::Clone(n) if !held.is_empty() => {
                let one = &held[n % held.len()];
                // Dropped at once: it must not take the object along.
                drop(one.tensor.clone());
            }
            Step::Submit(n) if !held.is_empty() => {
                if gate.is_none() {
                    let (new, job) = Gate::new();
                    stream.submit(&[], job).unwrap();
                    gate = Some(new);
                }
                let one = &held[n % held.len()];
                stream.submit(&[&one.tensor], || {}).unwrap();
                if busy.iter().all(|busy| busy.address != one.address) {
                    busy.push(Busy {
                        address: one.address,
                        bytes: one.tensor.booked_bytes(),
                        is_oversize: one.is_oversize,
                    });
                }
            }
            Step::Finish => finish(&stream, &mut gate, &mut busy),
            Step::Clear(thread, all) => {
                let scope = if all {
                    Scope::AllThreads
                } else {
                    Scope::ThisThread
                };
                let of_thread = pool.clone();
                workers[thread].run(move || of_thread.clear(scope));
                if all {
                    assert_eq!(pool.bytes(Scope::AllThreads), 0);
                }
            }
            Step::Limit(pages) => {
                limit = pages * PAGE;
                pool.set_limit(device, limit).unwrap();
            }
            Step::Trim(pages) => {
                let before = pool.bytes(Scope::AllThreads);
                let freed = pool.trim(device, pages * PAGE).unwrap();
                assert!(freed >= before.min(pages * PAGE));
                assert_eq!(pool.bytes(Scope::AllThreads), before - freed);
            }
            Step::EndThread(thread) => workers[thread] = Worker::new(),
            _ => {}
        }
        check(&bank, &pool, device, simulated, &held, &busy, limit);
    }
    finish(&stream, &mut gate, &mut busy);
    held.clear();
    drop(stream);
    drop(workers);
    check(&bank, &pool, device, simulated, &held, &busy, limit);
    drop(pool);
    assert_eq!(booked(&bank, device), 0);
    if let Some(simulated) = simulated {
        assert_eq!((simulated.allocated_bytes(), simulated.hazards()), (0, 0));
    }
}

fn finish(stream: &Stream, gate: &mut Option<Gate>, busy: &mut Vec<Busy>) {
    if let Some(gate) = gate.take() {
        gate.open();
    }
    stream.synchronize().unwrap();
    busy.clear();
}

fn booked(bank: &Bank, device: Device) -> u64 {
    let ledger = bank.ledger();
    match device {
        Device::Host => ledger.host.live_bytes,
        _ => ledger.devices.iter().map(|row| row.memory.live_bytes).sum(),
    }
}

fn check(
    bank: &Bank,
    pool: &Pool,
    device: Device,
    simulated: Option<&SimulatedDevice>,
    held: &[Held],
    busy: &[Busy],
    limit: u64,
) {
    let stats = pool.stats();
    let of_device = stats
        .devices
        .iter()
        .find(|row| row.device == device)
        .unwrap();
    let in_hand: u64 = held.iter().map(|held| held.tensor.booked_bytes()).sum();
    let let_go_with_work: Vec<&Busy> = busy
        .iter()
        .filter(|busy| held.iter().all(|held| held.address != busy.address))
        .collect();
    let live: u64 = in_hand + let_go_with_work.iter().map(|busy| busy.bytes).sum::<u64>();
    let oversize = held.iter().filter(|held| held.is_oversize);
    let oversize: u64 = oversize.map(|held| held.tensor.booked_bytes()).sum::<u64>()
        + let_go_with_work
            .iter()
            .filter(|busy| busy.is_oversize)
            .map(|busy| busy.bytes)
            .sum::<u64>();
    let tensors = stats
        .classes
        .iter()
        .find(|row| row.device == device && row.class == pixelbank_pool::Class::Tensor);
    let live_by_pool = tensors.map_or(0, |row| row.live_bytes);
    assert_eq!(live_by_pool, live, "in use, by the model\n{stats}");
    assert_eq!(of_device.held_bytes, live + of_device.idle_bytes, "{stats}");
    assert_eq!(booked(bank, device), of_device.held_bytes, "{stats}");
    assert!(
        of_device.idle_bytes == 0 || of_device.held_bytes - oversize <= limit,
        "idle beyond the limit of {limit}, {oversize} not counted\n{stats}"
    );
    if let Some(simulated) = simulated {
        assert_eq!(simulated.allocated_bytes(), of_device.held_bytes, "{stats}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn host_memory_agrees_with_the_model(steps in vec(step(), 1..120)) {
        run(Arc::new(HostMemory::default()), None, steps);
    }

    #[test]
    fn a_simulated_device_agrees_with_the_model(steps in vec(step(), 1..120)) {
        let device = SimulatedDevice::new(0, 1 << 30);
        run(Arc::new(device.clone()), Some(&device), steps);
    }
}
