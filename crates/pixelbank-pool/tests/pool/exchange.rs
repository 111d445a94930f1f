//! DLPack, in both directions.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use pixelbank_pool::{
    Backend, DLManagedTensorVersioned, DType, Error, ImageDesc, SimulatedDevice, Tensor, TensorDesc,
};

use crate::rig::Rig;

fn exported(tensor: &Tensor) -> NonNull<DLManagedTensorVersioned> {
    NonNull::new(tensor.export().unwrap().into_raw()).unwrap()
}

#[test]
fn what_is_exported_stays_in_use_until_it_is_deleted() {
    let rig = Rig::host();
    let desc = TensorDesc::new([3, 4], DType::F32).row_align(64);
    let tensor = rig.pool.tensor(&desc).unwrap();
    let address = tensor.address();
    let managed = exported(&tensor);
    drop(tensor);
    assert_eq!(rig.idle_bytes(), 0);
    // SAFETY: exported above, and not deleted yet.
    unsafe {
        let inside = &managed.as_ref().dl_tensor;
        assert_eq!(
            (inside.ndim, inside.data as u64, inside.byte_offset),
            (2, address, 0)
        );
        assert_eq!(std::slice::from_raw_parts(inside.shape, 2), [3, 4]);
        assert_eq!(std::slice::from_raw_parts(inside.strides, 2), [16, 1]);
        assert_eq!((inside.dtype.bits, inside.dtype.lanes), (32, 1));
        managed.as_ref().deleter.unwrap()(managed.as_ptr());
    }
    assert_eq!(rig.idle_bytes(), 4096);
    // One that nobody takes is deleted by itself.
    let tensor = rig.pool.tensor(&desc).unwrap();
    drop((tensor.export().unwrap(), tensor.export_legacy().unwrap()));
    drop(tensor);
    assert_eq!(rig.idle_bytes(), 4096);
}

#[test]
fn another_pool_takes_it_in_and_counts_nothing() {
    let (first, second) = (Rig::host(), Rig::host());
    let mut tensor = first
        .pool
        .tensor(&TensorDesc::new([5, 7], DType::U16))
        .unwrap();
    tensor.as_bytes_mut().unwrap()[69] = 3;
    // SAFETY: exported just now, and given away.
    let taken = unsafe { second.pool.import(exported(&tensor)) }.unwrap();
    drop(tensor);
    assert_eq!((taken.shape(), taken.dtype()), (&[5, 7][..], DType::U16));
    assert_eq!(taken.as_bytes().unwrap()[69], 3);
    assert_eq!((first.idle_bytes(), second.held_bytes()), (0, 0));
    let again = taken.part(&[0..5, 0..2]).unwrap();
    drop(taken);
    let legacy = again.export_legacy().unwrap().into_raw();
    drop(again);
    // SAFETY: exported just now, and given away.
    let back = unsafe { first.pool.import_legacy(NonNull::new(legacy).unwrap()) }.unwrap();
    assert_eq!(
        (back.shape(), back.strides_bytes()),
        (&[5, 2][..], &[14, 2][..])
    );
    assert_eq!(first.idle_bytes(), 0);
    drop(back);
    assert_eq!(first.idle_bytes(), 4096);
}

#[test]
fn read_only_memory_stays_so() {
    let rig = Rig::host();
    let memory = [0u8; 16];
    let desc = pixelbank_pool::ForeignDesc {
        address: memory.as_ptr().expose_provenance() as u64,
        shape: [16].into(),
        dtype: DType::U8,
        layout: pixelbank_pool::Layout::NONE,
        strides_bytes: None,
        device: rig.device,
        is_read_only: true,
    };
    // SAFETY: the array outlives the tensors.
    let tensor = unsafe { rig.pool.wrap(&desc, ()) }.unwrap();
    assert!(matches!(
        tensor.export_legacy(),
        Err(Error::Foreign {
            argument: "read-only",
            ..
        })
    ));
    // SAFETY: exported just now, and given away.
    let back = unsafe { rig.pool.import(exported(&tensor)) }.unwrap();
    assert!(back.is_read_only() && back.part(&[0..4]).unwrap().is_read_only());
}

/// Makes a tensor wrong.
type Change = fn(&mut DLManagedTensorVersioned);

#[test]
fn what_cannot_be_exchanged_is_refused_and_deleted() {
    let rig = Rig::host();
    let tensor = rig
        .pool
        .tensor(&TensorDesc::new([4, 4], DType::F32))
        .unwrap();
    let tampered = |change: Change| {
        let mut managed = exported(&tensor);
        // SAFETY: exported just now; nobody else looks at it.
        change(unsafe { managed.as_mut() });
        // SAFETY: given away; what the change made wrong is looked at before the memory is.
        unsafe { rig.pool.import(managed) }.unwrap_err().to_string()
    };
    let cases: [(Change, &str); 7] = [
        (|managed| managed.version.major = 2, "DLPack 2"),
        (
            |managed| managed.dl_tensor.data = std::ptr::null_mut(),
            "null",
        ),
        (|managed| managed.dl_tensor.byte_offset = 1, "multiple of 4"),
        (|managed| managed.dl_tensor.ndim = 9, "ndim"),
        (|managed| managed.dl_tensor.ndim = -1, "ndim"),
        (|managed| managed.dl_tensor.dtype.bits = 4, "4 bits"),
        (
            |managed| managed.dl_tensor.device.device_type.0 = 8,
            "type 8",
        ),
    ];
    for (change, reason) in cases {
        let error = tampered(change);
        assert!(error.contains(reason), "{error} is not about {reason}");
    }
    let odd = TensorDesc::new([2, 3], DType::from_dlpack(2, 32, 3).unwrap()).row_align(64);
    let odd = rig.pool.tensor(&odd).unwrap();
    assert!(matches!(odd.export(), Err(Error::BadArgument { .. })));
    drop((tensor, odd));
    assert_eq!(
        rig.idle_bytes(),
        rig.held_bytes(),
        "every refused tensor was deleted"
    );
    let device: Arc<dyn Backend> = Arc::new(SimulatedDevice::new(0, 1 << 20));
    let simulated = Rig::new(&device);
    let small = TensorDesc::new([4], DType::U8).on(simulated.device);
    assert!(simulated.pool.tensor(&small).unwrap().export().is_err());
}

#[test]
fn an_image_is_a_tensor_of_rows() {
    use pixelbank_image::{PixelFormat, Size};
    let rig = Rig::host();
    let mut image = rig
        .pool
        .image(&ImageDesc::new(Size::new(5, 4), PixelFormat::RGB16))
        .unwrap();
    assert_eq!(image.row_bytes(), 64);
    image.view_mut().unwrap().row_mut(3)[..2].copy_from_slice(&[1, 2]);
    assert_eq!(image.view().unwrap().row(3)[..2], [1, 2]);
    assert_eq!(image.tensor().shape(), [4, 5, 3]);
    assert_eq!(image.tensor().strides_bytes(), [64, 6, 2]);
    let managed = exported(image.tensor());
    assert!(
        image.view_mut().is_none(),
        "an exported view may be read meanwhile"
    );
    // SAFETY: exported above, deleted once.
    unsafe { managed.as_ref().deleter.unwrap()(managed.as_ptr()) };
    assert!(image.view_mut().is_some());
}
