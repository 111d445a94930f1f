//! Tensors, images, batches and streams that are reused instead of allocated, on the books of one bank.
//!
//! A program that makes and drops tensors thousands of times a second should not allocate thousands of times a second.
//! A [`Pool`] gives out objects that were let go of before; what it keeps is bounded by its limit, visible in the
//! bank's ledger, and given up whenever anybody else on the bank needs the bytes more.
//!
//! ```
//! use pixelbank_memory::Bank;
//! use pixelbank_pool::{DType, Pool, Scope, TensorDesc};
//!
//! let bank = Bank::builder().host_bytes(64 << 20).build()?;
//! let pool = Pool::new(&bank)?;
//! let desc = TensorDesc::new([16, 32, 4], DType::F32);
//!
//! let mut tensor = pool.tensor(&desc)?;
//! tensor.as_bytes_mut().expect("host memory, one handle")[0] = 1;
//! let address = tensor.address();
//! drop(tensor);
//! assert_eq!(pool.len(Scope::AllThreads), 1);
//!
//! // The same memory again, with its old contents.
//! assert_eq!(pool.tensor(&desc)?.address(), address);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Objects are found by all that decides whether memory fits: class, shape, layout, element type, alignment of rows,
//! usage and device. An object is in use as long as anybody has a handle, a part or an exported view of it, and until
//! the work on it has finished on its streams. Not for objects of a few bytes, and not for memory whose size nobody
//! will ask for again.
#![deny(unsafe_code)]

mod backend;
mod batch;
mod device;
mod dlpack;
mod dtype;
mod error;
mod external;
mod find;
mod image;
mod keep;
mod key;
mod local;
mod make;
mod object;
mod pool;
mod shape;
mod shared;
mod shelf;
mod stats;
mod stream;
mod tensor;
mod watch;
mod wrap;

pub use backend::{Backend, HostMemory, Memory, SimulatedDevice, Timeline};
#[cfg(feature = "cuda")]
pub use backend::{Cuda, PinnedHost};
pub use batch::{Batch, ImageBatch, TensorBatch};
pub use device::Device;
pub use dlpack::{DLManagedTensor, DLManagedTensorVersioned, Exported, ExportedLegacy};
pub use dtype::{DType, Kind};
pub use error::Error;
pub use external::{External, ExternalKey};
pub use image::{ImageBuffer, ImageDesc};
pub use key::{Class, Usage};
pub use make::Shortfall;
pub use pool::{AtLimit, Pool, PoolBuilder, Request, Scope};
pub use shape::{Layout, MAX_RANK, Shape};
pub use stats::{ClassStats, DeviceStats, Snapshot, Stats};
pub use stream::Stream;
pub use tensor::{Tensor, TensorDesc};
pub use watch::{Outstanding, Profile, ProfileScope};
pub use wrap::ForeignDesc;
