#![allow(unsafe_code)]

use std::fmt;
use std::ops::Range;
use std::slice;

use crate::key::{Class, Key, Usage};
use crate::object::{Body, Handle, Object};
use crate::shape::Arrangement;
use crate::{DType, Device, Error, Layout, Pool, Request, Shape, Stream};

/// What a tensor is: two with equal descriptions can serve each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorDesc {
    /// The extent of each dimension.
    pub shape: Shape,
    /// The type of its elements.
    pub dtype: DType,
    /// What each dimension is.
    pub layout: Layout,
    /// Rows begin at multiples of this many bytes: a power of two up to 4096. A row begins at dimension `W` of the layout,
    /// or is the last dimension.
    pub row_align: u32,
    /// What the memory is for.
    pub usage: Usage,
    /// Where it is.
    pub device: Device,
}

impl TensorDesc {
    /// A packed tensor in host memory.
    pub fn new(shape: impl Into<Shape>, dtype: DType) -> Self {
        Self {
            shape: shape.into(),
            dtype,
            layout: Layout::NONE,
            row_align: 1,
            usage: Usage::default(),
            device: Device::Host,
        }
    }

    /// With dimensions that mean this.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// With rows that begin at multiples of this.
    pub fn row_align(mut self, bytes: u32) -> Self {
        self.row_align = bytes;
        self
    }

    /// For this use.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// On this device.
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        Key {
            dtype: self.dtype,
            layout: self.layout,
            row_align: self.row_align,
            usage: self.usage,
            words: self.shape.padded(),
            n_words: self.shape.rank() as u8,
            ..Key::bare(Class::Tensor, self.device)
        }
    }

    pub(crate) fn arrangement(&self) -> Result<Arrangement, Error> {
        Arrangement::new(&self.shape, self.dtype, self.layout, self.row_align)
    }
}

/// An array of elements on a device. Clones are the same memory; so are views that were exported and parts that were cut
/// off. The memory goes back to its pool when the last of them has gone and the work on it has finished.
#[derive(Clone)]
pub struct Tensor(pub(crate) Handle);

impl Tensor {
    pub(crate) fn object(&self) -> &Object {
        self.0.get()
    }

    /// The extent of each dimension.
    pub fn shape(&self) -> &[u64] {
        self.object().arrangement.shape.dims()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.object().arrangement.dtype
    }

    /// What each dimension is.
    pub fn layout(&self) -> Layout {
        self.object().arrangement.layout
    }

    /// From one element to the next of each dimension, in bytes.
    pub fn strides_bytes(&self) -> &[i64] {
        let arrangement = &self.object().arrangement;
        &arrangement.strides[..arrangement.shape.rank()]
    }

    /// From its first byte to behind its last, padding of rows included.
    pub fn span_bytes(&self) -> u64 {
        self.object().arrangement.bytes
    }

    /// What is booked for it: zero for wrapped memory and for parts.
    pub fn booked_bytes(&self) -> u64 {
        self.object().bytes
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.object().key.device
    }

    /// The address of its first byte on its device.
    pub fn address(&self) -> u64 {
        self.object().address()
    }

    /// Whether its memory belongs to somebody else, or to a tensor that this is a part of.
    pub fn is_wrapper(&self) -> bool {
        self.object().key.class == Class::Wrapper
    }

    /// Whether it must not be written to.
    pub fn is_read_only(&self) -> bool {
        match &self.object().body {
            Body::Foreign(foreign) => foreign.is_read_only,
            Body::Part(whole, _) => Self(whole.clone()).is_read_only(),
            _ => false,
        }
    }

    /// Whether its elements lie one behind the other, without gaps.
    pub fn is_packed(&self) -> bool {
        self.object().arrangement.is_packed()
    }

    /// Its bytes from the first to the last, where the processor can read them.
    ///
    /// Work on streams and other libraries' views may write to them meanwhile: whoever hands the memory out (by
    /// [`address`](Self::address), [`export`](Self::export)) sees to it that nobody writes what is being read.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        let span = usize::try_from(self.span_bytes()).ok()?;
        if !self.device().is_host() {
            return None;
        }
        let first = std::ptr::with_exposed_provenance::<u8>(self.address() as usize);
        // SAFETY: the memory is the process's own, at least `span` bytes long (that is what was allocated; for wrapped
        // memory the caller of `wrap` promised it) and initialised. It lives as long as this handle.
        Some(unsafe { slice::from_raw_parts(first, span) })
    }

    /// Its bytes, to be written, where the processor can and nobody else has a handle, a part or a view of it.
    pub fn as_bytes_mut(&mut self) -> Option<&mut [u8]> {
        let span = usize::try_from(self.span_bytes()).ok()?;
        if !self.device().is_host() || self.is_wrapper() {
            return None;
        }
        let address = self.0.get_mut()?.address();
        let first = std::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: as in `as_bytes`; there is one handle, borrowed for as long as the slice, and the memory is no one
        // else's.
        Some(unsafe { slice::from_raw_parts_mut(first, span) })
    }

    /// A part of it: a range of each dimension. It counts no bytes, and keeps the whole in use.
    ///
    /// # Errors
    /// [`Error::BadArgument`] where there are not as many ranges as dimensions, or one is empty or reaches outside.
    pub fn part(&self, ranges: &[Range<u64>]) -> Result<Self, Error> {
        let object = self.object();
        let whole = &object.arrangement;
        let bad = |reason: String| Error::BadArgument {
            argument: "ranges",
            reason,
        };
        if ranges.len() != whole.shape.rank() {
            return Err(bad(format!("{} for shape {}", ranges.len(), whole.shape)));
        }
        let mut extents = Vec::with_capacity(ranges.len());
        let mut offset = 0;
        for (i, (range, dim)) in ranges.iter().zip(whole.shape.dims()).enumerate() {
            if range.start >= range.end || range.end > *dim {
                return Err(bad(format!(
                    "{}..{} of dimension {i}, which has {dim}",
                    range.start, range.end
                )));
            }
            extents.push((range.end - range.start) as i64);
            offset += range.start * whole.strides[i] as u64;
        }
        let strides = &whole.strides[..whole.shape.rank()];
        let part = Arrangement::strided(Shape::new(&extents)?, whole.dtype, whole.layout, strides)?;
        let body = Body::Part(self.0.clone(), offset);
        object.shared.wrapper(object.key.device, part, body)
    }

    /// What is at `index` of a dimension: a part that does not have that dimension.
    ///
    /// # Errors
    /// [`Error::BadArgument`] where it is the only dimension, is none, or has no such index.
    pub fn at(&self, dimension: usize, index: u64) -> Result<Self, Error> {
        let object = self.object();
        let whole = &object.arrangement;
        let bad = |argument, reason: String| Error::BadArgument { argument, reason };
        let rank = whole.shape.rank();
        if dimension >= rank || rank == 1 {
            return Err(bad(
                "dimension",
                format!("{dimension} cannot be taken from shape {}", whole.shape),
            ));
        }
        let dim = whole.shape.dims()[dimension];
        if index >= dim {
            return Err(bad(
                "index",
                format!("{index} of dimension {dimension}, which has {dim}"),
            ));
        }
        let rest = || (0..rank).filter(|i| *i != dimension);
        let extents: Vec<i64> = rest().map(|i| whole.shape.dims()[i] as i64).collect();
        let strides: Vec<i64> = rest().map(|i| whole.strides[i]).collect();
        let part = Arrangement::strided(
            Shape::new(&extents)?,
            whole.dtype,
            whole.layout.without(dimension),
            &strides,
        )?;
        let body = Body::Part(self.0.clone(), index * whole.strides[dimension] as u64);
        object.shared.wrapper(object.key.device, part, body)
    }

    /// A packed tensor of the same shape, type, layout and device from the same pool, of any contents.
    ///
    /// # Errors
    /// As [`Pool::tensor`](crate::Pool::tensor).
    #[track_caller]
    pub fn alike(&self) -> Result<Self, Error> {
        let object = self.object();
        let desc = TensorDesc::new(object.arrangement.shape, self.dtype())
            .layout(self.layout())
            .on(self.device());
        Pool::tensor_of(&object.shared, &desc, &Request::default())
    }

    /// Has [`Pool::outstanding`](crate::Pool::outstanding) say that it was made at `place`, in place of the line of Rust
    /// that asked for it: for bindings. `place` is not called where origins are not traced.
    pub fn note_origin(&self, place: impl FnOnce() -> String) {
        self.object().note_origin(place);
    }

    /// Blocks until the work that is known to be on it has finished: what was submitted by [`Stream::submit`], and what
    /// was on a stream that [`used_on`](Self::used_on) named.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    pub fn synchronize(&self) -> Result<(), Error> {
        self.object().synchronize()
    }

    /// Notes that work which uses it was submitted to `stream` past the pool: it stays in use until what is on the
    /// stream when the last handle goes has finished. [`Stream::submit`] does this by itself.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for a stream of another device.
    pub fn used_on(&self, stream: &Stream) -> Result<(), Error> {
        self.check_stream(stream)?;
        self.object().add_use(stream.timeline(), None);
        Ok(())
    }

    pub(crate) fn check_stream(&self, stream: &Stream) -> Result<(), Error> {
        if self.device().works_with(stream.device()) {
            return Ok(());
        }
        Err(Error::BadArgument {
            argument: "stream",
            reason: format!(
                "it is one of {}, the tensor is on {}",
                stream.device(),
                self.device()
            ),
        })
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrangement = &self.object().arrangement;
        write!(
            f,
            "Tensor({}, {}, {})",
            arrangement.shape,
            arrangement.dtype,
            self.device()
        )
    }
}
