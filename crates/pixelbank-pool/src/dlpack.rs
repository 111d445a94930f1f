//! Exchange with other libraries by DLPack, without copying.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use dlpark::DlpackFlags;
use dlpark::ffi::{
    DLDataType, DLDataTypeCode, DLDevice, DLDeviceType, DLPACK_MAJOR_VERSION, DLPackVersion,
    DLTensor,
};
pub use dlpark::ffi::{DLManagedTensor, DLManagedTensorVersioned};

use crate::shape::MAX_RANK;
use crate::{DType, Device, Error, ForeignDesc, Layout, Pool, Shape, Tensor};

/// What other libraries are told: strides need not be given, and exports say whether they may be written to.
const MINOR_VERSION: u32 = 0;

/// A tensor on its way to another library, by the current form of the protocol. The memory stays on the books until the
/// other library calls the deleter, or this is dropped.
#[derive(Debug)]
pub struct Exported(NonNull<DLManagedTensorVersioned>);

/// As [`Exported`], by the form of before DLPack 1.0, which cannot say that memory is read-only.
#[derive(Debug)]
pub struct ExportedLegacy(NonNull<DLManagedTensor>);

// SAFETY: what it points to is a tensor's handle and figures, which may go to any thread, and is this value's alone.
unsafe impl Send for Exported {}
// SAFETY: as above.
unsafe impl Send for ExportedLegacy {}

/// What an export points into.
struct Context {
    _tensor: Tensor,
    shape: [i64; MAX_RANK],
    strides: [i64; MAX_RANK],
}

impl Tensor {
    /// The tensor for another library: a view of the same memory.
    ///
    /// # Errors
    /// [`Error::BadArgument`] where strides are no whole elements, which DLPack cannot say; [`Error::Unavailable`] for a
    /// device that it has no name for.
    pub fn export(&self) -> Result<Exported, Error> {
        let (context, dl_tensor) = self.dl_tensor()?;
        let managed = Box::new(DLManagedTensorVersioned {
            version: DLPackVersion {
                major: DLPACK_MAJOR_VERSION,
                minor: MINOR_VERSION,
            },
            manager_ctx: context.as_ptr().cast(),
            deleter: Some(delete),
            flags: if self.is_read_only() {
                DlpackFlags::READ_ONLY
            } else {
                DlpackFlags::empty()
            },
            dl_tensor,
        });
        Ok(Exported(NonNull::from(Box::leak(managed))))
    }

    /// As [`export`](Self::export), in the old form.
    ///
    /// # Errors
    /// As [`export`](Self::export), and [`Error::Foreign`] for read-only memory.
    pub fn export_legacy(&self) -> Result<ExportedLegacy, Error> {
        if self.is_read_only() {
            return Err(Error::Foreign {
                argument: "read-only",
                reason: "this form of DLPack would let it be written to".to_owned(),
            });
        }
        let (context, dl_tensor) = self.dl_tensor()?;
        let managed = Box::new(DLManagedTensor {
            dl_tensor,
            manager_ctx: context.as_ptr().cast(),
            deleter: Some(delete_legacy),
        });
        Ok(ExportedLegacy(NonNull::from(Box::leak(managed))))
    }

    fn dl_tensor(&self) -> Result<(NonNull<Context>, DLTensor), Error> {
        let device = match self.device() {
            Device::Host => (DLDeviceType::CPU, 0),
            Device::Pinned => (DLDeviceType::CUDAHOST, 0),
            Device::Cuda(n) => (DLDeviceType::CUDA, i32::from(n)),
            device @ Device::Simulated(_) => {
                return Err(Error::Unavailable {
                    device,
                    reason: "DLPack has no name for it".to_owned(),
                });
            }
        };
        let dtype = self.dtype();
        let mut strides = [0; MAX_RANK];
        for (elements, bytes) in strides.iter_mut().zip(self.strides_bytes()) {
            if bytes % dtype.bytes() as i64 != 0 {
                return Err(Error::BadArgument {
                    argument: "row_align",
                    reason: format!("a stride of {bytes} bytes is no number of {dtype} elements"),
                });
            }
            *elements = bytes / dtype.bytes() as i64;
        }
        let mut shape = [0; MAX_RANK];
        for (to, dim) in shape.iter_mut().zip(self.shape()) {
            *to = *dim as i64;
        }
        let context = NonNull::from(Box::leak(Box::new(Context {
            _tensor: self.clone(),
            shape,
            strides,
        })));
        // SAFETY: just made, and nobody else has it yet.
        let (shape, strides) = unsafe {
            (
                (&raw mut (*context.as_ptr()).shape).cast(),
                (&raw mut (*context.as_ptr()).strides).cast(),
            )
        };
        let dl_tensor = DLTensor {
            data: std::ptr::with_exposed_provenance_mut(self.address() as usize),
            device: DLDevice {
                device_type: device.0,
                device_id: device.1,
            },
            ndim: self.shape().len() as i32,
            dtype: DLDataType {
                code: DLDataTypeCode(dtype.kind as u8),
                bits: dtype.bits,
                lanes: dtype.lanes,
            },
            shape,
            strides,
            byte_offset: 0,
        };
        Ok((context, dl_tensor))
    }
}

/// # Safety
/// The argument must come from [`Tensor::export`], and not be used again.
unsafe extern "C" fn delete(managed: *mut DLManagedTensorVersioned) {
    // SAFETY: `export` leaked both boxes; whoever has the export calls this once.
    drop(unsafe {
        let managed = Box::from_raw(managed);
        Box::from_raw(managed.manager_ctx.cast::<Context>())
    });
}

/// # Safety
/// The argument must come from [`Tensor::export_legacy`], and not be used again.
unsafe extern "C" fn delete_legacy(managed: *mut DLManagedTensor) {
    // SAFETY: as in `delete`.
    drop(unsafe {
        let managed = Box::from_raw(managed);
        Box::from_raw(managed.manager_ctx.cast::<Context>())
    });
}

impl Exported {
    /// Tells the other library that nobody else has the memory, because it was copied for it.
    pub fn mark_copied(&mut self) {
        // SAFETY: it is this value's own.
        unsafe { self.0.as_mut() }.flags |= DlpackFlags::IS_COPIED;
    }

    /// What the protocol speaks of, valid while this is there: for those who hand it out in a wrapping of their own.
    pub fn managed(&self) -> &DLManagedTensorVersioned {
        // SAFETY: it is this value's own, and lives as long.
        unsafe { self.0.as_ref() }
    }

    /// The pointer that the protocol speaks of. Whoever has it calls its deleter, once.
    pub fn into_raw(self) -> *mut DLManagedTensorVersioned {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        // SAFETY: it was not given away, so it is deleted here, once.
        unsafe { delete(self.0.as_ptr()) }
    }
}

impl ExportedLegacy {
    /// What the protocol speaks of, valid while this is there.
    pub fn managed(&self) -> &DLManagedTensor {
        // SAFETY: as for `Exported`.
        unsafe { self.0.as_ref() }
    }

    /// The pointer that the protocol speaks of. Whoever has it calls its deleter, once.
    pub fn into_raw(self) -> *mut DLManagedTensor {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Drop for ExportedLegacy {
    fn drop(&mut self) {
        // SAFETY: as for `Exported`.
        unsafe { delete_legacy(self.0.as_ptr()) }
    }
}

/// Somebody else's tensor; its deleter is called when this is dropped.
enum Imported {
    Versioned(NonNull<DLManagedTensorVersioned>),
    Legacy(NonNull<DLManagedTensor>),
}

// SAFETY: the protocol lets the consumer delete from any thread; the pointer is this value's alone.
unsafe impl Send for Imported {}
// SAFETY: a shared reference to it allows nothing.
unsafe impl Sync for Imported {}

impl Drop for Imported {
    fn drop(&mut self) {
        // SAFETY: the caller of `import` handed the tensor over, so that its deleter is called once, here.
        unsafe {
            match self {
                Self::Versioned(managed) => {
                    if let Some(deleter) = managed.as_ref().deleter {
                        deleter(managed.as_ptr());
                    }
                }
                Self::Legacy(managed) => {
                    if let Some(deleter) = managed.as_ref().deleter {
                        deleter(managed.as_ptr());
                    }
                }
            }
        }
    }
}

impl Pool {
    /// Takes another library's tensor in, without copying: its deleter is called when nothing uses it any more, or at
    /// once where it cannot be taken.
    ///
    /// # Errors
    /// [`Error::Foreign`] for another major version of the protocol, a device that this pool cannot have, null or
    /// misaligned memory; [`Error::BadShape`], [`Error::UnknownDType`], [`Error::UnknownDevice`].
    ///
    /// # Safety
    /// `managed` must point to a tensor as the protocol describes it, which becomes the pool's; the memory must not be
    /// written to by others while it is read through the result.
    pub unsafe fn import(
        &self,
        managed: NonNull<DLManagedTensorVersioned>,
    ) -> Result<Tensor, Error> {
        let owner = Imported::Versioned(managed);
        // SAFETY: the caller's promise; the version comes first in every version.
        let version = unsafe { (*managed.as_ptr()).version };
        if version.major != DLPACK_MAJOR_VERSION {
            return Err(Error::Foreign {
                argument: "version",
                reason: format!(
                    "DLPack {}.{}; {DLPACK_MAJOR_VERSION} is understood",
                    version.major, version.minor
                ),
            });
        }
        // SAFETY: the caller's promise.
        let managed = unsafe { managed.as_ref() };
        let is_read_only = managed.flags.contains(DlpackFlags::READ_ONLY);
        // SAFETY: passed on; `owner` deletes it after the last use.
        unsafe { self.import_tensor(&managed.dl_tensor, is_read_only, owner) }
    }

    /// As [`import`](Self::import), from the old form.
    ///
    /// # Errors
    /// As [`import`](Self::import).
    ///
    /// # Safety
    /// As [`import`](Self::import).
    pub unsafe fn import_legacy(&self, managed: NonNull<DLManagedTensor>) -> Result<Tensor, Error> {
        let owner = Imported::Legacy(managed);
        // SAFETY: the caller's promise.
        let managed = unsafe { managed.as_ref() };
        // SAFETY: passed on; `owner` deletes it after the last use.
        unsafe { self.import_tensor(&managed.dl_tensor, false, owner) }
    }

    /// # Safety
    /// The tensor must be as the protocol describes it, its memory alive until `owner` is dropped.
    unsafe fn import_tensor(
        &self,
        tensor: &DLTensor,
        is_read_only: bool,
        owner: Imported,
    ) -> Result<Tensor, Error> {
        let foreign = |argument, reason: String| Error::Foreign { argument, reason };
        let number = u8::try_from(tensor.device.device_id);
        let device = match (tensor.device.device_type, number) {
            (DLDeviceType::CPU, _) => Device::Host,
            (DLDeviceType::CUDAHOST, _) => Device::Pinned,
            (DLDeviceType::CUDA, Ok(n)) => Device::Cuda(n),
            (other, _) => {
                let id = tensor.device.device_id;
                return Err(foreign(
                    "device",
                    format!("type {} number {id} is none that a pool has", other.0),
                ));
            }
        };
        let rank = usize::try_from(tensor.ndim)
            .ok()
            .filter(|rank| *rank <= MAX_RANK)
            .ok_or_else(|| {
                foreign(
                    "ndim",
                    format!("{}; there are up to {MAX_RANK}", tensor.ndim),
                )
            })?;
        let dtype = DType::from_dlpack(tensor.dtype.code.0, tensor.dtype.bits, tensor.dtype.lanes)?;
        // SAFETY: the protocol gives both arrays `ndim` entries; strides may be missing.
        let read = |from: *mut i64| unsafe {
            (!from.is_null() && rank > 0).then(|| std::slice::from_raw_parts(from, rank))
        };
        let shape = match (read(tensor.shape), rank) {
            (Some(shape), _) => Shape::new(shape)?,
            // A single number has no dimensions there, and one here.
            (None, 0) => Shape::from([1]),
            (None, _) => return Err(foreign("shape", "it is null".to_owned())),
        };
        let strides = read(tensor.strides)
            .map(|strides| {
                strides
                    .iter()
                    .map(|stride| stride.checked_mul(dtype.bytes() as i64))
                    .collect::<Option<Vec<i64>>>()
                    .ok_or_else(|| foreign("strides", "they overflow 64 bits".to_owned()))
            })
            .transpose()?;
        let address = tensor.data.expose_provenance() as u64;
        let address = address
            .checked_add(tensor.byte_offset)
            .filter(|_| !tensor.data.is_null())
            .ok_or_else(|| foreign("data", "it is null, or wraps around".to_owned()))?;
        let desc = ForeignDesc {
            address,
            shape,
            dtype,
            layout: Layout::NONE,
            strides_bytes: strides.as_deref(),
            device,
            is_read_only,
        };
        // SAFETY: the caller's promise.
        unsafe { self.wrap(&desc, owner) }
    }
}
