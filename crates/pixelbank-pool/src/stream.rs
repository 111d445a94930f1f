use std::fmt;
use std::sync::Arc;

use crate::backend::Timeline;
use crate::object::{Body, Handle};
use crate::{Device, Error, Tensor};

/// A queue of work on a device. The stream goes back to its pool when it is dropped and its work has finished.
pub struct Stream {
    timeline: Arc<dyn Timeline>,
    handle: Handle,
}

impl Stream {
    pub(crate) fn new(handle: Handle) -> Result<Self, Error> {
        let Body::Stream(timeline) = &handle.get().body else {
            return Err(Error::BadArgument {
                argument: "object",
                reason: "it is no stream".to_owned(),
            });
        };
        Ok(Self {
            timeline: Arc::clone(timeline),
            handle,
        })
    }

    pub(crate) fn timeline(&self) -> &Arc<dyn Timeline> {
        &self.timeline
    }

    /// Its device.
    pub fn device(&self) -> Device {
        self.handle.get().key.device
    }

    /// Runs `job` on the processor, after everything that was submitted to the stream before. The tensors stay in use
    /// until it has finished, whether their handles do or not.
    ///
    /// On CUDA it runs as a host function: it must not call CUDA.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for a tensor of another device, [`Error::DeviceLost`], [`Error::Device`].
    pub fn submit(&self, on: &[&Tensor], job: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        for tensor in on {
            tensor.check_stream(self)?;
        }
        let addresses = on.iter().map(|tensor| tensor.address()).collect();
        self.check(self.timeline.submit(addresses, Box::new(job)))?;
        let point = self.timeline.mark();
        for tensor in on {
            tensor.object().add_use(&self.timeline, Some(point));
        }
        Ok(())
    }

    /// Lets work submitted from now on begin after everything that is on `other` now. Does not block.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for a stream of another device, [`Error::DeviceLost`], [`Error::Device`].
    pub fn wait_for(&self, other: &Self) -> Result<(), Error> {
        let point = other.timeline.mark();
        self.check(self.timeline.wait_for(&other.timeline, point))
    }

    /// Whether everything submitted so far has finished.
    pub fn is_finished(&self) -> bool {
        self.timeline.has_passed(self.timeline.mark())
    }

    /// Blocks until everything submitted so far has finished.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    pub fn synchronize(&self) -> Result<(), Error> {
        self.check(self.timeline.synchronize(self.timeline.mark()))
    }

    /// What the device's own interface calls it (`CUstream` as a number); zero where there is none.
    pub fn raw(&self) -> u64 {
        self.timeline.raw()
    }

    fn check(&self, done: Result<(), Error>) -> Result<(), Error> {
        done.map_err(|error| self.handle.get().shared.note_loss(error))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.timeline)
    }
}
