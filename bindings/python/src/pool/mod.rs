//! Tensors, images, batches and streams that are reused instead of allocated.

mod ask;
mod batch;
mod copy;
mod default;
mod device;
mod dtype;
mod export;
mod external;
mod figures;
mod image;
mod import;
mod index;
mod stream;
mod tensor;

pub use batch::{PyImageBatch, PyTensorBatch};
pub use default::changed;
pub use device::open as device;
pub use external::PyExternalItem;
pub use figures::{PyPool, PyPoolProfile};
pub use image::PyImageBuffer;
pub use import::from_dlpack;
pub use stream::{PyStream, is_in_job};
pub use tensor::PyTensor;
