//! Tensors, images, batches and streams that are reused instead of allocated.

mod device;
mod tensor;

pub use device::open as device;
pub use tensor::PyTensor;
