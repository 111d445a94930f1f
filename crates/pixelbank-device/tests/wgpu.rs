//! The books and wgpu's allocator, on a real driver: Mesa's, which draws on the processor.

use std::process::Command;

use pixelbank_analyzer::Table;
use pixelbank_device::{Error, watch_wgpu, wgpu};
use pixelbank_memory::{Account, Bank, DeviceAllocator, Holder, Reservation, Resource};
use wgpu::{Adapter, Backends, BufferUsages, RequestAdapterError, TextureFormat, TextureUsages};

const MIB: u64 = 1 << 20;

fn adapter(backends: Backends) -> Result<Adapter, RequestAdapterError> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.backend_options.noop.enable = backends.contains(Backends::NOOP);
    let instance = wgpu::Instance::new(descriptor);
    pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
        force_fallback_adapter: backends == Backends::VULKAN,
        ..Default::default()
    }))
}

fn open() -> wgpu::Device {
    let adapter = adapter(Backends::VULKAN);
    device_of(&adapter.expect("`make setup` installs Mesa's driver for Vulkan"))
}

fn device_of(adapter: &Adapter) -> wgpu::Device {
    let small_blocks = wgpu::DeviceDescriptor {
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let (device, _queue) =
        pollster::block_on(adapter.request_device(&small_blocks)).expect("a device");
    device
}

/// What a scene keeps: something on the device, and what pays for it.
struct Paid<T> {
    _thing: T,
    _reservation: Reservation,
}

fn texture(device: &wgpu::Device, holder: &Holder, side: u32) -> Paid<wgpu::Texture> {
    let size = wgpu::Extent3d {
        width: side,
        height: side,
        depth_or_array_layers: 1,
    };
    let format = TextureFormat::Rgba8UnormSrgb;
    let bytes = format.theoretical_memory_footprint(size);
    Paid {
        _reservation: holder.try_reserve(bytes).expect("room for it"),
        _thing: device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
            view_formats: &[],
        }),
    }
}

fn buffer(device: &wgpu::Device, holder: &Holder, size: u64) -> Paid<wgpu::Buffer> {
    Paid {
        _reservation: holder.try_reserve(size).expect("room for it"),
        _thing: device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("vertices"),
            size,
            usage: BufferUsages::VERTEX | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }),
    }
}

fn bank() -> Bank {
    let bank = Bank::builder().device_bytes(0, 1 << 30).build();
    bank.expect("a bank")
}

fn holder(bank: &Bank, kind: &str) -> Holder {
    let holder = bank.holder_of(Resource::Device(0), Account::Textures, kind, "scene");
    holder.expect("the device is on the books")
}

/// What is booked, and what the allocator says.
fn look(bank: &Bank) -> (u64, Option<DeviceAllocator>) {
    let ledger = bank.ledger();
    (
        ledger.devices[0].memory.live_bytes,
        ledger.devices[0].allocator,
    )
}

#[test]
fn what_is_booked_was_handed_out_and_what_was_handed_out_is_held() {
    let (bank, device) = (bank(), open());
    let watch = watch_wgpu(&bank, 0, &device).unwrap();
    let before = look(&bank).1.unwrap();
    let (textures, buffers) = (holder(&bank, "texture"), holder(&bank, "buffer"));
    let pictures: Vec<_> = (1..=8)
        .map(|n| texture(&device, &textures, 256 * n))
        .collect();
    let vertices: Vec<_> = (0..10)
        .map(|_| buffer(&device, &buffers, 300_000))
        .collect();

    let (booked, allocator) = look(&bank);
    let held = allocator.unwrap();
    assert_eq!(
        booked,
        (1..=8).map(|n| 256 * 256 * 4 * n * n).sum::<u64>() + 3_000_000
    );
    let added = held.allocated_bytes - before.allocated_bytes;
    assert!(booked <= added, "{booked} booked, {held:?}");
    // Alignment, and a little of wgpu's own: the books explain nearly all of it.
    assert!(
        added - booked < booked / 20 + MIB,
        "{booked} booked, {held:?}"
    );
    assert!(held.allocated_bytes <= held.reserved_bytes, "{held:?}");

    // The table shows the difference.
    let mut table = Table::of(&bank.ledger());
    table
        .rows
        .retain(|row| row.resource == "device 0" && row.account.is_empty());
    let of = |name: &str| {
        table
            .rows
            .iter()
            .find(|row| row.kind == name)
            .map_or(0, |row| row.bytes)
    };
    assert_eq!(
        of("allocator's unused"),
        held.reserved_bytes - held.allocated_bytes
    );
    assert_eq!(of("unclassified"), held.allocated_bytes - booked);

    // What nobody booked is seen: here, what other books hold.
    let others = self::bank();
    let forgotten = texture(&device, &holder(&others, "texture"), 1024);
    let (still_booked, allocator) = look(&bank);
    let more = allocator.unwrap().allocated_bytes - held.allocated_bytes;
    assert!(still_booked == booked && more >= 4 * MIB, "{more}");

    drop((pictures, vertices, forgotten));
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let (booked, allocator) = look(&bank);
    assert_eq!(booked, 0);
    assert_eq!(allocator.unwrap().allocated_bytes, before.allocated_bytes);
    drop(watch);
    assert_eq!(look(&bank), (0, None));
}

#[test]
fn a_bank_does_not_keep_a_device_alive() {
    let (bank, device) = (bank(), open());
    let watch = watch_wgpu(&bank, 0, &device).unwrap();
    drop(device);
    assert!(look(&bank).1.is_some());
    drop(watch);
    assert!(look(&bank).1.is_none());
}

#[test]
fn a_device_that_is_not_on_the_books_is_told() {
    let wrong = watch_wgpu(&bank(), 3, &open()).unwrap_err();
    assert!(
        matches!(wrong, Error::NotOnTheBooks { device: 3 }),
        "{wrong}"
    );
}

#[test]
fn a_backend_without_a_report_is_told() {
    let device = device_of(&adapter(Backends::NOOP).unwrap());
    let wrong = watch_wgpu(&bank(), 0, &device).unwrap_err();
    assert!(
        matches!(&wrong, Error::NoReport { backend } if backend == "noop"),
        "{wrong}"
    );
}

/// Linking wgpu must not need a driver: it is looked for when somebody asks for an adapter.
#[test]
fn without_a_driver_the_program_runs_and_is_told() {
    const CHILD: &str = "PIXELBANK_TEST_WITHOUT_DRIVER";
    if std::env::var_os(CHILD).is_some() {
        let wrong = adapter(Backends::VULKAN).expect_err("the loader was pointed at nothing");
        println!("told: {wrong}");
        return;
    }
    let name = "without_a_driver_the_program_runs_and_is_told";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env("VK_DRIVER_FILES", "/nothing/is/here.json")
        .env("VK_ICD_FILENAMES", "/nothing/is/here.json")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}");
    assert!(
        said.contains("told: No suitable graphics adapter found"),
        "{said}"
    );
}
