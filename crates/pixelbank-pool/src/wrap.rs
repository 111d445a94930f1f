//! Memory that the pool does not own: it is kept alive and in order like any other, and counts no bytes.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::key::{Class, Key};
use crate::make::Plan;
use crate::object::{Body, Handle};
use crate::shape::Arrangement;
use crate::shared::Shared;
use crate::{Backend, DType, Device, Error, Layout, Pool, Request, Shape, Tensor};

/// Memory of somebody else.
pub(crate) struct Foreign {
    pub address: u64,
    pub is_read_only: bool,
    /// Dropped when nothing uses the memory any more.
    pub _owner: Box<dyn Any + Send + Sync>,
}

/// Memory to be wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignDesc<'a> {
    /// The address of the first element on its device.
    pub address: u64,
    /// The extent of each dimension.
    pub shape: Shape,
    /// The type of its elements.
    pub dtype: DType,
    /// What each dimension is.
    pub layout: Layout,
    /// From one element to the next of each dimension, in bytes; packed where there are none.
    pub strides_bytes: Option<&'a [i64]>,
    /// Where it is.
    pub device: Device,
    /// Whether it must not be written to.
    pub is_read_only: bool,
}

impl Pool {
    /// Wraps memory of somebody else as a tensor. `owner` is dropped, from whichever thread, when the last handle, part
    /// and view of it has gone and the work on it has finished.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a null or misaligned address; [`Error::BadShape`], [`Error::BadArgument`] for strides that
    /// don't fit; [`Error::UnknownDevice`]. The owner is dropped then.
    ///
    /// # Safety
    /// From the address on there must be as many bytes as the shape and the strides reach, initialised, in memory of
    /// that device, until `owner` is dropped; nobody may write to them while they are read through the tensor.
    #[allow(unsafe_code)]
    pub unsafe fn wrap(
        &self,
        desc: &ForeignDesc<'_>,
        owner: impl Any + Send + Sync,
    ) -> Result<Tensor, Error> {
        let foreign = |argument, reason: String| Error::Foreign { argument, reason };
        let arrangement = match desc.strides_bytes {
            Some(strides) => Arrangement::strided(desc.shape, desc.dtype, desc.layout, strides)?,
            None => Arrangement::new(&desc.shape, desc.dtype, desc.layout, 1)?,
        };
        if desc.address == 0 {
            return Err(foreign("address", "it is null".to_owned()));
        }
        if desc.address.checked_add(arrangement.bytes).is_none() {
            return Err(foreign("address", "the memory wraps around".to_owned()));
        }
        // An element's own alignment, which is that of one lane, or of one part of a complex number.
        let mut align = u64::from(desc.dtype.bits / 8);
        if desc.dtype.kind == crate::Kind::Complex {
            align /= 2;
        }
        if !desc.address.is_multiple_of(align) {
            return Err(foreign(
                "address",
                format!(
                    "{:#x} is no multiple of {align}, as {} needs",
                    desc.address, desc.dtype
                ),
            ));
        }
        let strides = &arrangement.strides[..arrangement.shape.rank()];
        if let Some(stride) = strides
            .iter()
            .find(|stride| !stride.unsigned_abs().is_multiple_of(align))
        {
            return Err(foreign(
                "strides",
                format!(
                    "{stride} bytes are no multiple of {align}, as {} needs",
                    desc.dtype
                ),
            ));
        }
        let body = Body::Foreign(Foreign {
            address: desc.address,
            is_read_only: desc.is_read_only,
            _owner: Box::new(owner),
        });
        self.shared.wrapper(desc.device, arrangement, body)
    }
}

impl Shared {
    /// A handle without bytes of its own, its shell reused where one is idle.
    #[track_caller]
    pub fn wrapper(
        self: &Arc<Self>,
        device: Device,
        arrangement: Arrangement,
        body: Body,
    ) -> Result<Tensor, Error> {
        self.device_index(device)?;
        let key = Key::bare(Class::Wrapper, device);
        let plan = || Ok(Plan::object(0));
        let make = |_: &dyn Backend, _| Ok(Body::Empty);
        let mut object = self.acquire(&key, &Request::default(), plan, make, Location::caller())?;
        object.arrangement = arrangement;
        object.body = body;
        Ok(Tensor(Handle::new(object)))
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Foreign({:#x})", self.address)
    }
}
