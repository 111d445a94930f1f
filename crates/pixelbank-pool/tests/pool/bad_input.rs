//! Arguments that make no sense: an error that names the argument, and books as before.

#![allow(unsafe_code)]

use std::sync::Arc;

use pixelbank_image::{PixelFormat, Size};
use pixelbank_memory::Bank;
use pixelbank_pool::{
    Backend, DType, Device, Error, ExternalKey, ForeignDesc, ImageDesc, Layout, Pool, Shape,
    SimulatedDevice, TensorDesc,
};

use crate::rig::Rig;

#[test]
fn descriptions_that_no_memory_can_have() {
    let rig = Rig::host();
    let desc = TensorDesc::new([4, 4], DType::F32);
    let bad = [
        TensorDesc {
            shape: Shape::new(&[1 << 40, 1 << 40]).unwrap(),
            ..desc
        },
        TensorDesc {
            shape: Shape::new(&[i64::MAX, 1]).unwrap(),
            ..desc
        },
        desc.row_align(0),
        desc.row_align(48),
        desc.row_align(1 << 20),
        desc.layout(Layout::NHWC),
        desc.on(Device::Cuda(0)),
        desc.on(Device::Simulated(9)),
    ];
    for desc in &bad {
        let error = rig.pool.tensor(desc).unwrap_err();
        let text = error.to_string();
        let named = ["shape", "row_align", "layout", "cuda:0", "simulated:9"];
        assert!(named.iter().any(|name| text.contains(name)), "{text}");
        assert!(!error.is_out_of_memory(), "{text}");
    }
    let empty = ImageDesc::new(Size::new(0, 5), PixelFormat::RGB8);
    assert!(matches!(
        rig.pool.image(&empty),
        Err(Error::BadShape { .. })
    ));
    let huge = rig
        .pool
        .tensor(&TensorDesc::new([1 << 50], DType::U8))
        .unwrap_err();
    assert!(
        huge.is_out_of_memory() && huge.to_string().contains("never fit"),
        "{huge}"
    );
    assert!(matches!(
        rig.pool.tensor_batch(0),
        Err(Error::BadArgument { .. })
    ));
    assert!(matches!(
        rig.pool.tensor_batch(usize::MAX),
        Err(Error::BadArgument { .. })
    ));
    assert!(matches!(
        ExternalKey::new(&[0; 9]),
        Err(Error::BadArgument { .. })
    ));
    assert!(rig.pool.stream(Device::Cuda(1)).is_err());
    assert!(rig.pool.set_limit(Device::Cuda(1), 5).is_err());
    let tensor = rig.pool.tensor(&desc).unwrap();
    for ranges in [&[0..4][..], &[0..4, 2..2], &[0..5, 0..1], &[0..4, 3..9]] {
        assert!(
            matches!(tensor.part(ranges), Err(Error::BadArgument { .. })),
            "{ranges:?}"
        );
    }
    assert_eq!(rig.held_bytes(), 4096);
}

#[test]
fn names_of_types() {
    for name in ["uint8", "float32", "bool", "complex128", "bfloat16"] {
        assert_eq!(DType::from_name(name).unwrap().to_string(), name);
    }
    for name in ["", "float", "Float32", "uint128", "float32 "] {
        let error = DType::from_name(name).unwrap_err().to_string();
        assert!(error.contains("float32, float64"), "{error}");
    }
    assert!(DType::from_dlpack(2, 24, 1).is_err());
    assert!(DType::from_dlpack(3, 64, 1).is_err());
    assert!(DType::from_dlpack(2, 32, 0).is_err());
    let vector = DType::from_dlpack(2, 32, 4).unwrap();
    assert_eq!(
        (vector.bytes(), vector.to_string().as_str()),
        (16, "float32x4")
    );
}

#[test]
fn foreign_memory_that_cannot_be_taken_in() {
    let rig = Rig::host();
    let memory = [0u64; 64];
    let good = ForeignDesc {
        address: memory.as_ptr().expose_provenance() as u64,
        shape: [8, 8].into(),
        dtype: DType::F32,
        layout: Layout::NONE,
        strides_bytes: None,
        device: Device::Host,
        is_read_only: true,
    };
    let bad: &[(ForeignDesc<'_>, &str)] = &[
        (ForeignDesc { address: 0, ..good }, "null"),
        (
            ForeignDesc {
                address: good.address + 2,
                ..good
            },
            "multiple of 4",
        ),
        (
            ForeignDesc {
                address: u64::MAX - 3,
                ..good
            },
            "wraps around",
        ),
        (
            ForeignDesc {
                strides_bytes: Some(&[32]),
                ..good
            },
            "strides",
        ),
        (
            ForeignDesc {
                strides_bytes: Some(&[33, 4]),
                ..good
            },
            "multiple of 4",
        ),
        (
            ForeignDesc {
                strides_bytes: Some(&[-32, 4]),
                ..good
            },
            "backwards",
        ),
        (
            ForeignDesc {
                strides_bytes: Some(&[i64::MAX, 4]),
                ..good
            },
            "overflow",
        ),
        (
            ForeignDesc {
                device: Device::Cuda(0),
                ..good
            },
            "cuda:0",
        ),
        (
            ForeignDesc {
                layout: Layout::HWC,
                ..good
            },
            "layout",
        ),
    ];
    for (desc, reason) in bad {
        // SAFETY: refused before the memory is looked at.
        let error = unsafe { rig.pool.wrap(desc, ()) }.unwrap_err().to_string();
        assert!(error.contains(reason), "{error} is not about {reason}");
    }
    // SAFETY: the array holds 8 x 8 floats and outlives the tensor.
    let mut tensor = unsafe { rig.pool.wrap(&good, ()) }.unwrap();
    assert!(tensor.is_read_only() && tensor.is_wrapper());
    assert!(tensor.as_bytes_mut().is_none());
    assert_eq!(tensor.as_bytes().unwrap().len(), 256);
}

#[test]
fn devices_that_do_not_fit() {
    let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
    let device = |n| -> Arc<dyn Backend> { Arc::new(SimulatedDevice::new(n, 1 << 20)) };
    let twice = Pool::builder(&bank)
        .device(device(1), None)
        .device(device(1), None)
        .build();
    assert!(twice.unwrap_err().to_string().contains("simulated:1"));
    let lost = SimulatedDevice::new(2, 1 << 20);
    lost.lose();
    let built = Pool::builder(&bank).device(Arc::new(lost), None).build();
    assert!(matches!(
        built,
        Err(Error::DeviceLost(Device::Simulated(2)))
    ));
}
