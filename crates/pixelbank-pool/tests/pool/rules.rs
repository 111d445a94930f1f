//! What does not depend on the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_memory::{Account, Bank, Config, Wait};
use pixelbank_pool::{
    Backend, Class, DType, Device, Error, Layout, Pool, Request, Scope, SimulatedDevice, TensorDesc,
};

use crate::rig::{Gate, MIB, Rig};

#[test]
fn contents_stay_and_rows_are_padded() {
    let rig = Rig::host();
    let desc = TensorDesc::new([3, 5], DType::U16).row_align(64);
    let mut tensor = rig.pool.tensor(&desc).unwrap();
    assert_eq!(
        (tensor.strides_bytes(), tensor.span_bytes()),
        (&[64, 2][..], 192)
    );
    assert!(!tensor.is_packed());
    let bytes = tensor.as_bytes_mut().unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0), "fresh memory is zero");
    bytes[191] = 9;
    let clone = tensor.clone();
    assert!(tensor.as_bytes_mut().is_none(), "two handles");
    assert_eq!(clone.as_bytes().unwrap()[191], 9);
    drop((tensor, clone));
    assert_eq!(rig.pool.tensor(&desc).unwrap().as_bytes().unwrap()[191], 9);
}

#[test]
fn defaults_are_half_and_settings_win() {
    let bank = Bank::builder().host_bytes(MIB).build().unwrap();
    let device = SimulatedDevice::new(0, 100 * MIB);
    let backend: Arc<dyn Backend> = Arc::new(device);
    let pool = Pool::builder(&bank)
        .device(backend.clone(), None)
        .build()
        .unwrap();
    assert_eq!(pool.limit_bytes(Device::Simulated(0)).unwrap(), 50 * MIB);
    assert_eq!(
        pool.limit_bytes(Device::Host).unwrap(),
        pixelbank_memory::available_memory() / 2
    );
    assert_eq!(
        pool.devices().collect::<Vec<_>>(),
        [Device::Host, Device::Simulated(0)]
    );
    let mut config = Config::default();
    let variables = [
        ("PIXELBANK_POOL_LIMIT", "3M"),
        ("PIXELBANK_POOL_DEVICE_LIMIT", "5M"),
    ];
    config
        .apply_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .unwrap();
    let pool = Pool::builder(&bank)
        .device(backend, None)
        .settings(&config.pool)
        .build()
        .unwrap();
    assert_eq!(pool.limit_bytes(Device::Host).unwrap(), 3 * MIB);
    assert_eq!(pool.limit_bytes(Device::Simulated(0)).unwrap(), 5 * MIB);
}

#[test]
fn one_pool_may_have_several_devices() {
    let bank = Bank::builder().host_bytes(16 * MIB).build().unwrap();
    let devices = [0, 1].map(|n| SimulatedDevice::new(n, 16 * MIB));
    let mut builder = Pool::builder(&bank);
    for device in &devices {
        builder = builder.device(Arc::new(device.clone()), Some(4 * MIB));
    }
    let pool = builder.build().unwrap();
    let on = |n| TensorDesc::new([MIB], DType::U8).on(Device::Simulated(n));
    drop((pool.tensor(&on(0)).unwrap(), pool.tensor(&on(1)).unwrap()));
    assert_eq!(
        devices.each_ref().map(SimulatedDevice::allocated_bytes),
        [MIB, MIB]
    );
    pool.set_limit(Device::Simulated(0), 0).unwrap();
    assert_eq!(
        devices.each_ref().map(SimulatedDevice::allocated_bytes),
        [0, MIB]
    );
    let idle: Vec<u64> = bank
        .ledger()
        .devices
        .iter()
        .map(|row| row.memory.idle_bytes)
        .collect();
    assert_eq!(
        idle,
        [0, MIB],
        "the ledger shows what is idle on each device"
    );
    let system = || bank.ledger().devices[1].system;
    assert_eq!(
        system().map(|memory| (memory.total_bytes, memory.free_bytes)),
        Some((16 * MIB, 15 * MIB)),
        "and what the device itself says"
    );
    let stream = pool.stream(Device::Simulated(0)).unwrap();
    let request = Request {
        stream: Some(&stream),
        ..Request::default()
    };
    let refused = pool.tensor_with(&on(1), &request).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::BadArgument {
                argument: "stream",
                ..
            }
        ),
        "{refused}"
    );
    let tensor = pool.tensor(&on(1)).unwrap();
    assert!(tensor.used_on(&stream).is_err());
}

#[test]
fn a_request_waits_for_memory_where_it_is_told_to() {
    let rig = Rig::host();
    let other = rig.bank.holder(Account::Video, "frame", "");
    let reservation = other.try_reserve(60 * MIB).unwrap();
    assert!(rig.pool.tensor(&rig.desc(8)).is_err());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let request = Request {
                wait: Some(Wait::forever()),
                ..Request::default()
            };
            rig.pool
                .tensor_with(&rig.desc(8), &request)
                .unwrap()
                .span_bytes()
        });
        while rig.bank.waiting() == 0 {
            std::thread::yield_now();
        }
        drop(reservation);
        assert_eq!(waiting.join().unwrap(), 8 * MIB);
    });
}

#[test]
fn hooks_are_asked_before_giving_up() {
    let device = SimulatedDevice::new(0, 8 * MIB);
    let backend: Arc<dyn Backend> = Arc::new(device);
    let rig = Rig::with(
        &backend,
        8 * MIB,
        pixelbank_pool::AtLimit::LeastRecentlyUsed,
    );
    let live = rig.tensor(6);
    let kept = Arc::new(std::sync::Mutex::new(Some(live)));
    let asked = Arc::new(AtomicU64::new(0));
    rig.pool.before_out_of_memory({
        let (asked, kept) = (Arc::clone(&asked), Arc::clone(&kept));
        move |shortfall| {
            asked.fetch_add(shortfall.bytes, Ordering::SeqCst);
            let live = kept.lock().unwrap().take();
            live.map_or(0, |tensor| tensor.booked_bytes())
        }
    });
    // The hook lets go of what it has, which becomes idle, and goes.
    let large = rig.tensor(4);
    assert_eq!(asked.load(Ordering::SeqCst), 4 * MIB);
    let refused = rig.pool.tensor(&rig.desc(5)).unwrap_err().to_string();
    assert!(
        refused.contains("simulated:0")
            && refused.contains("1 hooks")
            && refused.contains("pool/tensor"),
        "{refused}"
    );
    drop(large);
    rig.pool.before_out_of_memory(|_| panic!("no idea"));
    let refused = rig.pool.tensor(&rig.desc(9)).unwrap_err();
    assert!(
        matches!(&refused, Error::HookPanicked(message) if message == "no idea"),
        "{refused}"
    );
    assert_eq!(rig.held_bytes(), 0, "the books are right after a panic");
    drop(rig.tensor(8));
}

#[test]
fn a_lost_device_says_so_and_its_objects_can_be_dropped() {
    let device = SimulatedDevice::new(0, 64 * MIB);
    let backend: Arc<dyn Backend> = Arc::new(device.clone());
    let rig = Rig::new(&backend);
    let stream = rig.pool.stream(rig.device).unwrap();
    let (live, idle) = (rig.tensor(1), rig.tensor(2));
    stream.submit(&[&live], || {}).unwrap();
    drop(idle);
    device.lose();
    let lost = |error: Error| assert!(matches!(error, Error::DeviceLost(_)), "{error}");
    lost(rig.pool.tensor(&rig.desc(3)).unwrap_err());
    lost(stream.submit(&[&live], || {}).unwrap_err());
    lost(stream.synchronize().unwrap_err());
    lost(rig.pool.tensor(&rig.desc(2)).unwrap_err());
    lost(rig.pool.stream(rig.device).unwrap_err());
    assert_eq!(rig.held_bytes(), MIB, "what was idle has gone");
    drop((live, stream));
    assert_eq!((rig.held_bytes(), device.allocated_bytes()), (0, 0));
    // The host goes on.
    rig.pool.tensor(&TensorDesc::new([4], DType::U8)).unwrap();
}

#[test]
fn a_job_that_panics_ends_alone() {
    let rig = Rig::host();
    let stream = rig.pool.stream(Device::Host).unwrap();
    stream.submit(&[], || panic!("in a job")).unwrap();
    let (sent, received) = std::sync::mpsc::sync_channel(1);
    stream.submit(&[], move || sent.send(5).unwrap()).unwrap();
    assert_eq!(received.recv().unwrap(), 5);
    stream.synchronize().unwrap();
}

#[test]
fn profiles_count_what_happens_between() {
    let rig = Rig::host();
    let before = rig.tensor(1);
    let outer = rig.pool.profile("outer");
    let first = rig.tensor(2);
    let inner = rig.pool.profile("inner");
    drop(rig.tensor(3));
    drop(rig.tensor(3));
    let inner = inner.finish().unwrap();
    drop(first);
    let outer = outer.finish().unwrap();
    assert_eq!(
        (inner.taken, inner.let_go, inner.peak_live_bytes),
        (2, 2, 6 * MIB)
    );
    assert_eq!(
        (outer.taken, outer.let_go, outer.peak_live_bytes),
        (3, 3, 6 * MIB)
    );
    assert_eq!(
        (outer.live_bytes_before, outer.live_bytes_after),
        (MIB, MIB)
    );
    assert_eq!(inner.live_bytes_before, 3 * MIB);
    drop(before);
}

#[test]
fn outstanding_objects_say_where_they_were_made() {
    let rig = Rig::host();
    let unnoticed = rig.tensor(1);
    rig.pool.trace_origins(true);
    let line = line!() + 1;
    let noticed = rig.pool.tensor(&rig.desc(2)).unwrap();
    let small = rig.pool.tensor_batch(2).unwrap();
    let outstanding = rig.pool.outstanding();
    assert_eq!(outstanding.len(), 2);
    assert_eq!(
        (outstanding[0].bytes, outstanding[0].extents.as_slice()),
        (2 * MIB, &[2 * MIB][..])
    );
    assert!(
        outstanding[0]
            .made_at
            .contains(&format!("rules.rs:{line}:")),
        "{}",
        outstanding[0].made_at
    );
    assert_eq!(outstanding[1].class, Class::TensorBatch);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.json");
    rig.pool.snapshot().write(&path).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(written["outstanding"][0]["device"], "host");
    assert_eq!(written["stats"]["classes"][0]["live_bytes"], 3 * MIB);
    let refused = rig
        .pool
        .snapshot()
        .write(&folder.path().join("no/such/folder.json"));
    assert!(refused.unwrap_err().to_string().contains("folder.json"));
    noticed.note_origin(|| "script.py:3".to_owned());
    assert_eq!(rig.pool.outstanding()[0].made_at, "script.py:3");
    drop(small);
    rig.pool.trace_origins(false);
    drop(noticed);
    assert!(rig.pool.outstanding().is_empty());
    unnoticed.note_origin(|| panic!("nobody wants to know"));
    drop(unnoticed);
}

#[test]
fn an_index_takes_a_dimension_away() {
    let rig = Rig::host();
    let desc = TensorDesc::new([4, 6, 3], DType::U16).layout(Layout::HWC);
    let whole = rig.pool.tensor(&desc).unwrap();
    let row = whole.at(0, 2).unwrap();
    assert_eq!(row.address(), whole.address() + 2 * 36);
    assert_eq!(
        (row.shape(), row.strides_bytes()),
        (&[6, 3][..], &[6, 2][..])
    );
    assert_eq!(
        (row.layout().to_string(), row.booked_bytes()),
        ("WC".to_owned(), 0)
    );
    let plane = whole.at(2, 1).unwrap();
    assert_eq!(
        (plane.shape(), plane.layout().to_string()),
        (&[4, 6][..], "HW".to_owned())
    );
    drop(whole);
    assert_eq!(rig.idle_bytes(), 0);
    let column = plane.at(1, 5).unwrap();
    assert_eq!(column.shape(), [4]);
    for (tensor, dimension, index) in [(&plane, 2, 0), (&plane, 1, 6), (&column, 0, 0)] {
        let refused = tensor.at(dimension, index);
        assert!(matches!(refused, Err(Error::BadArgument { .. })));
    }
}

#[test]
fn one_alike_is_packed_and_of_the_same_pool() {
    let rig = Rig::host();
    let desc = TensorDesc::new([4, 6, 3], DType::U8).layout(Layout::HWC);
    let tensor = rig.pool.tensor(&desc.row_align(64)).unwrap();
    let alike = tensor.alike().unwrap();
    assert_eq!(
        (alike.shape(), alike.layout()),
        (tensor.shape(), tensor.layout())
    );
    assert!(alike.is_packed());
    assert_ne!(alike.address(), tensor.address());
    assert_eq!(rig.held_bytes(), 2 * 4096);
}

#[test]
fn what_is_let_go_of_after_its_pool_has_gone_does_not_wait_for_work() {
    let rig = Rig::host();
    let second = Pool::new(&rig.bank).unwrap();
    let stream = second.stream(Device::Host).unwrap();
    let tensor = second.tensor(&rig.desc(1)).unwrap();
    let (gate, job) = Gate::new();
    stream.submit(&[&tensor], job).unwrap();
    drop(second);
    drop(tensor);
    assert_eq!(rig.booked_bytes(), MIB);
    gate.open();
    let holder = rig.bank.holder(Account::Pool, "all", "test");
    let all = holder.reserve(64 * MIB, &Wait::at_most(std::time::Duration::from_secs(60)));
    assert!(
        all.is_ok(),
        "the memory came back when the work had finished"
    );
}

#[test]
fn a_tensor_waits_for_the_work_on_it() {
    let rig = Rig::host();
    let stream = rig.pool.stream(Device::Host).unwrap();
    let tensor = rig.tensor(1);
    let part = tensor.part(&[0..8]).unwrap();
    let done = Arc::new(AtomicU64::new(0));
    for use_of in [&tensor, &part] {
        let of_job = Arc::clone(&done);
        let job = move || {
            of_job.fetch_add(1, Ordering::SeqCst);
        };
        stream.submit(&[use_of], job).unwrap();
    }
    part.synchronize().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 2);
}

#[test]
fn peaks_are_those_of_all_that_was_held() {
    let rig = Rig::host();
    drop((rig.tensor(1), rig.tensor(2)));
    rig.pool.clear(Scope::AllThreads);
    let peak = |rig: &Rig| {
        let row = rig.pool.stats().classes[0];
        (row.peak_count, row.peak_bytes)
    };
    assert_eq!(peak(&rig), (2, 3 * MIB));
    rig.pool.reset_peaks();
    assert_eq!(peak(&rig), (0, 0));
    let text = rig.pool.stats().to_string();
    assert!(
        text.contains("tensor") && text.contains("limit 16 MiB"),
        "{text}"
    );
}

#[cfg(feature = "cuda")]
#[test]
fn a_driver_that_is_not_there_is_a_clear_error() {
    // Number 200 is missing wherever there is a driver.
    let error = pixelbank_pool::Cuda::new(200).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Unavailable {
                device: Device::Cuda(200),
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("libcuda") || text.contains("devices"),
        "{text}"
    );
}
