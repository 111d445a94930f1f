//! The rules that hold on every device, run on each.

use std::sync::{Arc, Mutex};
use std::thread;

use pixelbank_image::{PixelFormat, Size};
use pixelbank_memory::{Account, Wait};
use pixelbank_pool::{
    AtLimit, Backend, Class, DType, Error, ExternalKey, HostMemory, ImageDesc, Layout, Request,
    Scope, SimulatedDevice, Stream, Tensor, TensorDesc, Usage,
};

use crate::rig::{Gate, MIB, Rig};

#[test]
fn host_memory_conforms() {
    let backend: Arc<dyn Backend> = Arc::new(HostMemory::default());
    conform(&backend);
}

#[test]
fn a_simulated_device_conforms() {
    let device = SimulatedDevice::new(3, 1 << 30);
    let backend: Arc<dyn Backend> = Arc::new(device.clone());
    conform(&backend);
    assert_eq!(device.hazards(), 0, "work ran at once on one block");
    assert_eq!(device.allocated_bytes(), 0);
}

#[cfg(feature = "cuda")]
#[test]
fn cuda_conforms() {
    // Where there is no device the error says so, which another test looks at.
    let Ok(cuda) = pixelbank_pool::Cuda::new(0) else {
        assert!(
            std::env::var_os("PIXELBANK_NEEDS_GPU").is_none(),
            "no CUDA device"
        );
        return;
    };
    let pinned: Arc<dyn Backend> = Arc::new(cuda.pinned());
    conform(&pinned);
    let backend: Arc<dyn Backend> = Arc::new(cuda);
    conform(&backend);
}

/// Runs every rule on a device.
fn conform(backend: &Arc<dyn Backend>) {
    let rules: &[fn(&Arc<dyn Backend>)] = &[
        equal_keys_and_only_those_are_reused,
        clones_and_parts_keep_an_object_in_use,
        unfinished_work_keeps_an_object_in_use,
        the_same_stream_needs_no_wait,
        another_stream_waits_and_the_caller_does_not,
        every_stream_that_used_an_object_is_waited_for,
        a_stream_is_reused_when_its_work_has_finished,
        the_least_recently_used_goes_first,
        what_is_in_use_is_never_evicted,
        an_object_as_large_as_the_limit_is_kept_and_a_larger_one_is_not,
        a_limit_of_zero_keeps_nothing,
        lowering_the_limit_evicts_at_once,
        the_whole_is_cleared_where_that_is_wanted,
        others_on_the_bank_get_what_is_idle,
        making_room_takes_what_is_idle,
        threads_serve_each_other,
        a_finished_thread_leaves_nothing_behind,
        clearing_is_by_thread_or_for_all,
        larger_objects_serve_where_that_is_allowed,
        wrapped_memory_counts_nothing_and_its_owner_goes_with_its_last_use,
        batches_and_external_objects_are_reused,
        a_pool_that_has_gone_leaves_nothing_but_what_is_in_use,
    ];
    for rule in rules {
        rule(backend);
    }
}

fn equal_keys_and_only_those_are_reused(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let desc = TensorDesc::new([4, 8, 3], DType::F32)
        .layout(Layout::HWC)
        .on(rig.device);
    let image = ImageDesc::new(Size::new(8, 4), PixelFormat::RGB8).on(rig.device);
    let first = rig.pool.tensor(&desc).unwrap().address();
    assert_eq!(rig.pool.tensor(&desc).unwrap().address(), first);
    let others = [
        TensorDesc {
            shape: [4, 3, 8].into(),
            ..desc
        },
        TensorDesc {
            shape: [4, 24].into(),
            layout: Layout::NONE,
            ..desc
        },
        TensorDesc {
            dtype: DType::I32,
            ..desc
        },
        desc.layout(Layout::CHW),
        desc.row_align(64),
        desc.usage(Usage(1)),
    ];
    for other in &others {
        assert_ne!(
            rig.pool.tensor(other).unwrap().address(),
            first,
            "{other:?}"
        );
    }
    let address = rig.pool.image(&image).unwrap().tensor().address();
    assert_ne!(address, first);
    assert_eq!(rig.pool.image(&image).unwrap().tensor().address(), address);
    let bgr = ImageDesc {
        format: PixelFormat::GRAY8,
        ..image
    };
    assert_ne!(rig.pool.image(&bgr).unwrap().tensor().address(), address);
    let stats = rig.pool.stats();
    let tensors = stats
        .classes
        .iter()
        .find(|row| row.class == Class::Tensor)
        .unwrap();
    assert_eq!((tensors.hits, tensors.misses), (1, 7));
    assert_eq!(tensors.inserts, 7);
}

fn clones_and_parts_keep_an_object_in_use(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let whole = rig
        .pool
        .tensor(&TensorDesc::new([8, 16], DType::U16).on(rig.device))
        .unwrap();
    let address = whole.address();
    let clone = whole.clone();
    let part = clone.part(&[2..4, 3..16]).unwrap();
    assert_eq!(part.address(), address + (2 * 16 + 3) * 2);
    assert_eq!(
        (part.shape(), part.strides_bytes()),
        (&[2, 13][..], &[32, 2][..])
    );
    assert_eq!(part.booked_bytes(), 0);
    drop((whole, clone));
    assert_eq!(rig.idle_bytes(), 0);
    let inner = part.part(&[1..2, 0..1]).unwrap();
    drop(part);
    assert_eq!(rig.idle_bytes(), 0);
    assert_eq!(inner.address(), address + (3 * 16 + 3) * 2);
    drop(inner);
    assert_eq!(rig.idle_bytes(), rig.held_bytes());
}

/// A tensor on which work waits at the gate.
fn busy(rig: &Rig, stream: &Stream) -> (Tensor, Gate) {
    let tensor = rig.tensor(1);
    let (gate, job) = Gate::new();
    stream.submit(&[&tensor], job).unwrap();
    (tensor, gate)
}

fn unfinished_work_keeps_an_object_in_use(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let stream = rig.pool.stream(rig.device).unwrap();
    let (tensor, gate) = busy(&rig, &stream);
    drop(tensor);
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (MIB, 0));
    // Neither a look for memory nor a lower limit takes it.
    assert_eq!(rig.pool.trim(rig.device, u64::MAX).unwrap(), 0);
    rig.pool.set_limit(rig.device, 0).unwrap();
    assert_eq!(rig.held_bytes(), MIB);
    // Without a stream that could wait, it is not given out.
    let other = rig.tensor(1);
    assert_eq!(rig.held_bytes(), 2 * MIB);
    drop(other);
    rig.pool.set_limit(rig.device, 16 * MIB).unwrap();
    gate.open();
    stream.synchronize().unwrap();
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (MIB, MIB));
    assert_eq!(rig.pool.trim(rig.device, u64::MAX).unwrap(), MIB);
}

fn on(stream: &Stream) -> Request<'_> {
    Request {
        stream: Some(stream),
        ..Request::default()
    }
}

fn the_same_stream_needs_no_wait(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let stream = rig.pool.stream(rig.device).unwrap();
    let (tensor, gate) = busy(&rig, &stream);
    let address = tensor.address();
    drop(tensor);
    let again = rig.pool.tensor_with(&rig.desc(1), &on(&stream)).unwrap();
    assert_eq!(again.address(), address);
    assert!(!stream.is_finished());
    drop(again);
    gate.open();
    stream.synchronize().unwrap();
    assert_eq!(rig.idle_bytes(), MIB);
}

fn another_stream_waits_and_the_caller_does_not(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let [first, second] = [(); 2].map(|()| rig.pool.stream(rig.device).unwrap());
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let order = Arc::clone(&order);
        move || order.lock().unwrap().push(what)
    };
    let (tensor, gate) = busy(&rig, &first);
    first.submit(&[&tensor], note("first")).unwrap();
    let address = tensor.address();
    drop(tensor);
    // The gate is closed: what comes back now, comes back without waiting.
    let again = rig.pool.tensor_with(&rig.desc(1), &on(&second)).unwrap();
    assert_eq!(again.address(), address);
    second.submit(&[&again], note("second")).unwrap();
    assert!(order.lock().unwrap().is_empty());
    gate.open();
    second.synchronize().unwrap();
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

fn every_stream_that_used_an_object_is_waited_for(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let [first, second] = [(); 2].map(|()| rig.pool.stream(rig.device).unwrap());
    let (tensor, gate) = busy(&rig, &first);
    let part = tensor.part(&[0..16]).unwrap();
    second.wait_for(&first).unwrap();
    second.submit(&[&part], || {}).unwrap();
    drop((tensor, part));
    assert_eq!(rig.idle_bytes(), 0);
    gate.open();
    first.synchronize().unwrap();
    second.synchronize().unwrap();
    assert_eq!(rig.idle_bytes(), MIB);
    // Work submitted past the pool counts from the moment at which it is said.
    let tensor = rig.tensor(1);
    let (gate, job) = Gate::new();
    first.submit(&[], job).unwrap();
    tensor.used_on(&first).unwrap();
    drop(tensor);
    assert_eq!(rig.idle_bytes(), 0);
    gate.open();
    first.synchronize().unwrap();
    assert_eq!(rig.idle_bytes(), MIB);
}

fn a_stream_is_reused_when_its_work_has_finished(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let first = rig.pool.stream(rig.device).unwrap();
    let name = format!("{first:?}");
    let (gate, job) = Gate::new();
    first.submit(&[], job).unwrap();
    drop(first);
    let second = rig.pool.stream(rig.device).unwrap();
    assert_ne!(format!("{second:?}"), name);
    gate.open();
    // Its work is over a moment after the gate was passed, which the next request finds out.
    let mut others = vec![second];
    let again = loop {
        let stream = rig.pool.stream(rig.device).unwrap();
        if format!("{stream:?}") == name {
            break stream;
        }
        others.push(stream);
        thread::yield_now();
    };
    again.synchronize().unwrap();
}

fn the_least_recently_used_goes_first(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let held: Vec<Tensor> = (1..=5).map(|mib| rig.tensor(mib)).collect();
    let addresses: Vec<u64> = held.iter().map(Tensor::address).collect();
    // Let go of in the order 3, 1, 5, 2, 4, and 1 is used again.
    for mib in [3, 1, 5, 2, 4] {
        let _one_more = held[mib - 1].clone();
    }
    let mut held: Vec<Option<Tensor>> = held.into_iter().map(Some).collect();
    for mib in [3, 1, 5, 2, 4] {
        held[mib - 1] = None;
    }
    drop(rig.tensor(1));
    assert_eq!(rig.held_bytes(), 15 * MIB);
    // 1 MiB of room is left, so 5 more need 4: of 3 and 5, in this order.
    let six = rig.tensor(6);
    assert_eq!(rig.held_bytes(), 13 * MIB);
    for mib in [2, 4, 1] {
        let tensor = rig.tensor(mib);
        assert_eq!(
            tensor.address(),
            addresses[mib as usize - 1],
            "{mib} was kept"
        );
    }
    drop(six);
    let stats = rig.pool.stats();
    let tensors = stats
        .classes
        .iter()
        .find(|row| row.class == Class::Tensor)
        .unwrap();
    assert_eq!(tensors.evictions, 2);
}

fn what_is_in_use_is_never_evicted(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let held: Vec<Tensor> = (0..10).map(|_| rig.tensor(2)).collect();
    assert_eq!(
        rig.held_bytes(),
        20 * MIB,
        "a limit does not keep objects from being made"
    );
    let mut held = held.into_iter();
    held.next();
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (18 * MIB, 0));
    held.next();
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (16 * MIB, 0));
    held.next();
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (16 * MIB, 2 * MIB));
}

fn an_object_as_large_as_the_limit_is_kept_and_a_larger_one_is_not(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    drop(rig.tensor(2));
    drop(rig.tensor(17));
    assert_eq!(
        rig.held_bytes(),
        2 * MIB,
        "what is kept is not given up for what cannot be"
    );
    drop(rig.tensor(16));
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (16 * MIB, 16 * MIB));
    let stats = rig.pool.stats();
    assert_eq!(stats.classes[0].oversize, 1);
}

fn a_limit_of_zero_keeps_nothing(backend: &Arc<dyn Backend>) {
    let rig = Rig::with(backend, 0, AtLimit::LeastRecentlyUsed);
    let tensor = rig.tensor(1);
    assert_eq!(rig.held_bytes(), MIB);
    drop(tensor);
    assert_eq!(rig.held_bytes(), 0);
}

fn lowering_the_limit_evicts_at_once(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let held: Vec<Tensor> = (0..8).map(|_| rig.tensor(1)).collect();
    let live = rig.tensor(1);
    drop(held);
    assert_eq!(rig.idle_bytes(), 8 * MIB);
    rig.pool.set_limit(rig.device, 4 * MIB).unwrap();
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (4 * MIB, 3 * MIB));
    rig.pool.set_limit(rig.device, 0).unwrap();
    assert_eq!(rig.held_bytes(), MIB);
    rig.pool.set_limit(rig.device, 1 << 40).unwrap();
    drop(live);
    assert_eq!(
        rig.idle_bytes(),
        MIB,
        "limits above the device's memory are allowed"
    );
}

fn the_whole_is_cleared_where_that_is_wanted(backend: &Arc<dyn Backend>) {
    let rig = Rig::with(backend, 16 * MIB, AtLimit::ClearAll);
    let held: Vec<Tensor> = (0..15).map(|_| rig.tensor(1)).collect();
    let live = rig.tensor(1);
    drop(held);
    assert_eq!(rig.idle_bytes(), 15 * MIB);
    drop(rig.tensor(2));
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (3 * MIB, 2 * MIB));
    drop(live);
}

fn others_on_the_bank_get_what_is_idle(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    drop((0..12).map(|_| rig.tensor(1)).collect::<Vec<_>>());
    let live = rig.tensor(2);
    let other = rig
        .bank
        .holder_of(rig.device.resource(), Account::Textures, "texture", "")
        .unwrap();
    // 64 less 14 are free: 8 more must come from the pool.
    let reservation = other.reserve(58 * MIB, &Wait::never()).unwrap();
    assert_eq!(rig.booked_bytes() - reservation.amount(), 6 * MIB);
    assert!(other.try_reserve(5 * MIB).is_err(), "what is in use stays");
    drop((reservation, live));
}

fn making_room_takes_what_is_idle(backend: &Arc<dyn Backend>) {
    let rig = Rig::with(backend, 1 << 30, AtLimit::LeastRecentlyUsed);
    drop((0..60).map(|_| rig.tensor(1)).collect::<Vec<_>>());
    assert_eq!(rig.idle_bytes(), 60 * MIB);
    let large = rig.tensor(62);
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (64 * MIB, 2 * MIB));
    let refused = rig.pool.tensor(&rig.desc(3)).unwrap_err();
    assert!(refused.is_out_of_memory(), "{refused}");
    assert!(
        refused.to_string().contains("pool/tensor"),
        "names the holder: {refused}"
    );
    assert_eq!(
        rig.held_bytes(),
        62 * MIB,
        "a refusal leaves the books right"
    );
    drop(large);
}

fn threads_serve_each_other(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let tensor = rig.tensor(1);
    let address = tensor.address();
    let (done, wait) = std::sync::mpsc::sync_channel::<()>(1);
    thread::scope(|scope| {
        let (dropped, was_dropped) = std::sync::mpsc::sync_channel(1);
        scope.spawn(move || {
            drop(tensor);
            dropped.send(()).unwrap();
            // The thread lives on, with the tensor in its own cache.
            wait.recv().unwrap();
        });
        was_dropped.recv().unwrap();
        assert_eq!(rig.pool.len(Scope::AllThreads), 1);
        assert_eq!(rig.pool.len(Scope::ThisThread), 0);
        assert_eq!(rig.tensor(1).address(), address);
        done.send(()).unwrap();
    });
}

fn a_finished_thread_leaves_nothing_behind(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let mut address = 0;
    thread::scope(|scope| {
        let made = scope.spawn(|| {
            let tensor = rig.tensor(1);
            tensor.address()
        });
        address = made.join().unwrap();
    });
    assert_eq!(
        (rig.pool.len(Scope::AllThreads), rig.idle_bytes()),
        (1, MIB)
    );
    assert_eq!(rig.tensor(1).address(), address);
    for _ in 0..200 {
        thread::scope(|scope| drop(scope.spawn(|| drop(rig.tensor(1))).join()));
    }
    assert_eq!(rig.held_bytes(), MIB);
}

fn clearing_is_by_thread_or_for_all(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    drop(rig.tensor(1));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            drop(rig.tensor(2));
            assert_eq!(rig.pool.len(Scope::ThisThread), 1);
            rig.pool.clear(Scope::ThisThread);
            assert_eq!(rig.pool.bytes(Scope::ThisThread), 0);
        });
        other.join().unwrap();
    });
    assert_eq!((rig.held_bytes(), rig.idle_bytes()), (MIB, MIB));
    let live = rig.tensor(3);
    rig.pool.clear(Scope::AllThreads);
    assert_eq!(
        (rig.held_bytes(), rig.pool.len(Scope::AllThreads)),
        (3 * MIB, 0)
    );
    assert!(rig.pool.is_empty(Scope::AllThreads));
    drop(live);
}

fn larger_objects_serve_where_that_is_allowed(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let addresses = [4, 5, 7].map(|mib| rig.tensor(mib).address());
    let fitting = |percent| Request {
        larger_fit_percent: percent,
        ..Request::default()
    };
    let wanted = TensorDesc::new([4 * MIB - 4096], DType::U8).on(rig.device);
    // The smallest that is large enough.
    let smallest = rig.pool.tensor_with(&wanted, &fitting(25)).unwrap();
    assert_eq!(smallest.address(), addresses[0]);
    assert_eq!(smallest.shape(), [4 * MIB - 4096]);
    let next = rig.pool.tensor_with(&wanted, &fitting(26)).unwrap();
    assert_eq!(next.address(), addresses[1]);
    let stats = rig.pool.stats();
    assert_eq!(stats.classes[0].wasted_bytes, 4096 + MIB + 4096);
    let on_the_books = || -> u64 {
        let types = rig.bank.ledger().types;
        types.iter().map(|row| row.wasted_bytes).sum()
    };
    assert_eq!(on_the_books(), 4096 + MIB + 4096);
    assert_eq!(stats.classes[0].larger_hits, 2);
    // 7 MiB are more than a quarter too many.
    let misses = || rig.pool.stats().classes[0].misses;
    let before = misses();
    let made = rig.pool.tensor_with(&wanted, &fitting(25)).unwrap();
    assert_eq!(misses(), before + 1);
    drop((smallest, next, made));
    assert_eq!(rig.pool.stats().classes[0].wasted_bytes, 0);
    assert_eq!(on_the_books(), 0);
    // Never where nobody allowed it.
    drop(rig.pool.tensor(&rig.desc(6)).unwrap());
    assert_eq!(misses(), before + 2);
}

/// Says when it goes.
struct Owner(Arc<Mutex<u32>>);

impl Drop for Owner {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

#[allow(unsafe_code)]
fn wrapped_memory_counts_nothing_and_its_owner_goes_with_its_last_use(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let memory = backend.allocate(4096).unwrap();
    let gone = Arc::new(Mutex::new(0));
    let wrap = || {
        let desc = pixelbank_pool::ForeignDesc {
            address: memory.address(),
            shape: [32, 32].into(),
            dtype: DType::F32,
            layout: Layout::NONE,
            strides_bytes: None,
            device: rig.device,
            is_read_only: false,
        };
        // SAFETY: the memory outlives the test's tensors, and holds 32 x 32 floats.
        unsafe { rig.pool.wrap(&desc, Owner(Arc::clone(&gone))) }.unwrap()
    };
    let tensor = wrap();
    assert_eq!((rig.held_bytes(), tensor.booked_bytes()), (0, 0));
    let part = tensor.part(&[0..1, 0..1]).unwrap();
    drop(tensor);
    assert_eq!(*gone.lock().unwrap(), 0);
    drop(part);
    assert_eq!(*gone.lock().unwrap(), 1);
    // As long as work on it runs, it is kept.
    let stream = rig.pool.stream(rig.device).unwrap();
    let tensor = wrap();
    let (gate, job) = Gate::new();
    stream.submit(&[&tensor], job).unwrap();
    drop(tensor);
    rig.pool.clear(Scope::AllThreads);
    assert_eq!(*gone.lock().unwrap(), 1);
    gate.open();
    stream.synchronize().unwrap();
    rig.pool.clear(Scope::AllThreads);
    assert_eq!(*gone.lock().unwrap(), 2);
    let before = rig.pool.stats();
    for _ in 0..100 {
        drop(wrap());
    }
    let inserts = |stats: &pixelbank_pool::Stats| {
        let wrappers = stats.classes.iter().find(|row| row.class == Class::Wrapper);
        wrappers.map_or(0, |row| row.inserts)
    };
    assert!(
        inserts(&rig.pool.stats()) <= inserts(&before) + 1,
        "shells are reused"
    );
    assert_eq!(*gone.lock().unwrap(), 102);
}

fn batches_and_external_objects_are_reused(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let mut batch = rig.pool.tensor_batch(3).unwrap();
    let room = batch.as_ptr();
    batch.push(rig.tensor(1)).unwrap();
    batch.push(rig.tensor(2)).unwrap();
    batch.push(rig.tensor(3)).unwrap();
    let refused = batch.push(rig.tensor(4)).unwrap_err();
    assert!(matches!(refused, Error::BatchFull { capacity: 3 }));
    assert_eq!(
        batch
            .iter()
            .map(|tensor| tensor.shape()[0] / MIB)
            .sum::<u64>(),
        6
    );
    assert_eq!(batch.pop().unwrap().shape()[0], 3 * MIB);
    drop(batch);
    let batch = rig.pool.tensor_batch(3).unwrap();
    assert!(batch.is_empty());
    assert_eq!(batch.as_ptr(), room);
    assert_ne!(rig.pool.tensor_batch(4).unwrap().as_ptr(), room);
    let images = rig.pool.image_batch(3).unwrap();
    assert_eq!(images.capacity(), 3);
    drop((batch, images));

    let key = ExternalKey::new(&[7, 1]).unwrap().on(rig.device);
    let make = || Ok::<_, std::convert::Infallible>(vec![0u8]);
    let mut payload = rig.pool.external(&key, 4096, make).unwrap();
    payload.get_mut().unwrap().push(5);
    let held = rig.held_bytes();
    drop(payload);
    let again = rig.pool.external(&key, 4096, make).unwrap();
    assert_eq!((again.as_slice(), rig.held_bytes()), (&[0, 5][..], held));
    let words = rig
        .pool
        .external(&key, 4096, || Ok::<_, Error>(1u64))
        .unwrap();
    assert_eq!(*words, 1, "another type is another object");
    let other = rig
        .pool
        .external(&ExternalKey::new(&[7]).unwrap().on(rig.device), 0, make);
    assert_eq!(other.unwrap().as_slice(), [0]);
    let failed = rig.pool.external(
        &ExternalKey::new(&[8]).unwrap().on(rig.device),
        4096,
        || Err::<u32, _>("no filter of that size"),
    );
    let failed = failed.unwrap_err().to_string();
    assert!(
        failed.contains("u32") && failed.contains("no filter"),
        "{failed}"
    );
    drop((again, words));
}

fn a_pool_that_has_gone_leaves_nothing_but_what_is_in_use(backend: &Arc<dyn Backend>) {
    let rig = Rig::new(backend);
    let second = pixelbank_pool::Pool::builder(&rig.bank)
        .device(Arc::clone(backend), None)
        .owner("second")
        .build()
        .unwrap();
    let live = second.tensor(&rig.desc(1)).unwrap();
    let stream = second.stream(rig.device).unwrap();
    let busy = second.tensor(&rig.desc(3)).unwrap();
    stream.submit(&[&busy], || {}).unwrap();
    drop(busy);
    drop(second.tensor(&rig.desc(2)).unwrap());
    drop((second, stream));
    assert_eq!(rig.booked_bytes(), MIB);
    drop(live);
    assert_eq!(rig.booked_bytes(), 0);
}
