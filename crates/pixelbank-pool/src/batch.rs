use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use crate::key::{Class, Key};
use crate::make::Plan;
use crate::object::{Body, Handle};
use crate::{Device, Error, ImageBuffer, Pool, Request, Tensor};

/// Room for a number of tensors or images, which is kept and reused; what it held goes back to the pool by itself.
pub struct Batch<T: Send + Sync + 'static> {
    handle: Handle,
    of: PhantomData<T>,
}

/// Room for tensors.
pub type TensorBatch = Batch<Tensor>;
/// Room for images.
pub type ImageBatch = Batch<ImageBuffer>;

impl Pool {
    /// Room for `capacity` tensors, which may differ in shape and device.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for no capacity, or one that overflows; [`Error::Memory`] where there is no room.
    #[track_caller]
    pub fn tensor_batch(&self, capacity: usize) -> Result<TensorBatch, Error> {
        self.batch(Class::TensorBatch, capacity, Location::caller())
    }

    /// Room for `capacity` images, which may differ in size, format and device.
    ///
    /// # Errors
    /// As [`tensor_batch`](Self::tensor_batch).
    #[track_caller]
    pub fn image_batch(&self, capacity: usize) -> Result<ImageBatch, Error> {
        self.batch(Class::ImageBatch, capacity, Location::caller())
    }

    fn batch<T: Send + Sync + 'static>(
        &self,
        class: Class,
        capacity: usize,
        made_at: &'static Location<'static>,
    ) -> Result<Batch<T>, Error> {
        let bad = |reason: &str| Error::BadArgument {
            argument: "capacity",
            reason: reason.to_owned(),
        };
        let bytes = (capacity as u64)
            .checked_mul(size_of::<T>() as u64)
            .filter(|bytes| *bytes <= isize::MAX as u64)
            .ok_or_else(|| bad("its bytes overflow"))?;
        if bytes == 0 {
            return Err(bad("a batch of nothing"));
        }
        let mut key = Key::bare(class, Device::Host);
        key.words[0] = capacity as u64;
        key.n_words = 1;
        let make = |_: &dyn crate::Backend, _| {
            let mut items = Vec::<T>::new();
            let refused = |_| pixelbank_memory::Error::OutOfMemory { bytes };
            items.try_reserve_exact(capacity).map_err(refused)?;
            Ok(Body::Payload(Box::new(items)))
        };
        let plan = || Ok(Plan::object(bytes));
        let object = self
            .shared
            .acquire(&key, &Request::default(), plan, make, made_at)?;
        Ok(Batch {
            handle: Handle::new(object),
            of: PhantomData,
        })
    }
}

impl<T: Send + Sync + 'static> Batch<T> {
    fn items(&mut self) -> &mut Vec<T> {
        let items = match self.handle.get_mut().map(|object| &mut object.body) {
            Some(Body::Payload(items)) => items.downcast_mut(),
            _ => None,
        };
        items.expect("a batch has one handle, and its class says what it holds")
    }

    /// How many it has room for.
    pub fn capacity(&self) -> usize {
        self.handle.get().key.words[0] as usize
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`Error::BatchFull`].
    pub fn push(&mut self, item: T) -> Result<(), Error> {
        let capacity = self.capacity();
        if self.len() == capacity {
            return Err(Error::BatchFull { capacity });
        }
        self.items().push(item);
        Ok(())
    }

    /// Takes the last one out.
    pub fn pop(&mut self) -> Option<T> {
        self.items().pop()
    }

    /// Lets go of all.
    pub fn clear(&mut self) {
        self.items().clear();
    }
}

impl<T: Send + Sync + 'static> Deref for Batch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let items = match &self.handle.get().body {
            Body::Payload(items) => items.downcast_ref::<Vec<T>>(),
            _ => None,
        };
        items.expect("its class says what it holds")
    }
}

impl<T: Send + Sync + 'static> Drop for Batch<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<T: Send + Sync + fmt::Debug + 'static> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
