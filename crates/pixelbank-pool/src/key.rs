//! What decides whether an idle object can serve a request.

use std::any::TypeId;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use serde::Serialize;

use crate::shape::MAX_RANK;
use crate::{DType, Device, Layout};

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// An array of elements.
    Tensor,
    /// Rows of pixels.
    Image,
    /// Room for some tensors.
    TensorBatch,
    /// Room for some images.
    ImageBatch,
    /// A queue of work.
    Stream,
    /// A caller's own object.
    External,
    /// A handle to memory that the pool does not own: wrapped memory, or a part of another object.
    Wrapper,
}

pub(crate) const N_CLASSES: usize = 7;

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; N_CLASSES] = [
        Self::Tensor,
        Self::Image,
        Self::TensorBatch,
        Self::ImageBatch,
        Self::Stream,
        Self::External,
        Self::Wrapper,
    ];

    /// The name in reports and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Image => "image",
            Self::TensorBatch => "tensor batch",
            Self::ImageBatch => "image batch",
            Self::Stream => "stream",
            Self::External => "external",
            Self::Wrapper => "wrapper",
        }
    }
}

/// What the memory is for, in bits of the caller's own meaning: objects of different usage never serve each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Usage(pub u32);

/// Equal keys, equal objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub class: Class,
    pub device: Device,
    pub dtype: DType,
    pub layout: Layout,
    pub row_align: u32,
    pub usage: Usage,
    /// A shape, a size and format, a capacity, or a caller's words; zero behind the last.
    pub words: [u64; MAX_RANK],
    pub n_words: u8,
    /// The type of a caller's object.
    pub payload: TypeId,
}

impl Key {
    /// A key of a class on a device, of which nothing else matters.
    pub fn bare(class: Class, device: Device) -> Self {
        Self {
            class,
            device,
            dtype: DType::U8,
            layout: Layout::NONE,
            row_align: 1,
            usage: Usage::default(),
            words: [0; MAX_RANK],
            n_words: 0,
            payload: TypeId::of::<()>(),
        }
    }

    /// Never zero, which marks an empty place.
    #[inline]
    pub fn hash(&self) -> u64 {
        const SEED: FixedState = FixedState::with_seed(0x7069_7865_6c62_616e);
        let mut hasher = SEED.build_hasher();
        let (place, number) = match self.device {
            Device::Host => (0, 0),
            Device::Pinned => (1, 0),
            Device::Cuda(n) => (2, n),
            Device::Simulated(n) => (3, n),
        };
        let dtype = u64::from(self.dtype.kind as u8)
            | u64::from(self.dtype.bits) << 8
            | u64::from(self.dtype.lanes) << 16;
        hasher.write_u64(
            self.class as u64
                | place << 8
                | u64::from(number) << 16
                | u64::from(self.n_words) << 24
                | dtype << 32,
        );
        hasher.write_u64(u64::from(self.row_align) | u64::from(self.usage.0) << 32);
        hasher.write_u64(self.layout.word());
        for word in &self.words[..usize::from(self.n_words)] {
            hasher.write_u64(*word);
        }
        hasher.finish() | 1
    }
}
