//! NVIDIA devices through the driver's own interface, loaded when the first device is opened.

#![allow(unsafe_code)]

use std::any::Any;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};
use pixelbank_memory::sync::Mutex;

use super::{Backend, Memory, Timeline};
use crate::{Device, Error};

/// An NVIDIA device. Clones are the same device.
#[derive(Debug, Clone)]
pub struct Cuda(Arc<Context>);

/// Host memory that the driver has pinned, for copies at full speed to and from a device. Work on it is that of the
/// device's streams.
#[derive(Debug, Clone)]
pub struct PinnedHost(Arc<Context>);

/// The primary context of a device, which other libraries in the process use as well.
#[derive(Debug)]
struct Context {
    number: u8,
    device: sys::CUdevice,
    context: sys::CUcontext,
    /// Memory is allocated and freed in the order of this stream, where the device can do that; zero where it cannot.
    service: usize,
}

// SAFETY: contexts and streams of the driver may be used from every thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What the driver gives out at least.
const GRANULE: u64 = 512;
/// What every block begins at a multiple of; the driver's own promise is 256.
const BLOCK_ALIGN: u64 = 4096;

impl Cuda {
    /// Opens the device of that number.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the driver is not installed, does not start, or has no such device.
    pub fn new(number: u8) -> Result<Self, Error> {
        let device = Device::Cuda(number);
        let unavailable = |reason: String| Error::Unavailable { device, reason };
        // SAFETY: loads the driver's library, whose start-up code is trusted as the rest of it is.
        if !unsafe { sys::is_culib_present() } {
            return Err(unavailable(
                "the NVIDIA driver (libcuda) is not installed".to_owned(),
            ));
        }
        let said = |error: DriverError| unavailable(error.to_string());
        result::init().map_err(said)?;
        let count = result::device::get_count().map_err(said)?;
        if i32::from(number) >= count {
            return Err(unavailable(format!("there are {count} devices")));
        }
        let cu_device = result::device::get(i32::from(number)).map_err(said)?;
        // SAFETY: the device is one that the driver named.
        let context = unsafe { result::primary_ctx::retain(cu_device) }.map_err(said)?;
        let mut context = Context {
            number,
            device: cu_device,
            context,
            service: 0,
        };
        let pools = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
        // SAFETY: as above.
        let has_pools = unsafe { result::device::get_attribute(cu_device, pools) }.map_err(said)?;
        if has_pools != 0 {
            context.enter()?;
            context.service = result::stream::create(result::stream::StreamKind::NonBlocking)
                .map_err(said)? as usize;
        }
        Ok(Self(Arc::new(context)))
    }

    /// Pinned host memory for this device.
    pub fn pinned(&self) -> PinnedHost {
        PinnedHost(Arc::clone(&self.0))
    }

    /// Free and total bytes, as the driver sees them over all processes.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    pub fn memory_info(&self) -> Result<(u64, u64), Error> {
        self.0.enter()?;
        let (free, total) =
            result::mem_get_info().map_err(|error| self.0.failed("cuMemGetInfo", error))?;
        Ok((free as u64, total as u64))
    }
}

impl Context {
    /// Makes it the calling thread's context, as every call of the driver needs.
    fn enter(&self) -> Result<(), Error> {
        // SAFETY: retained in `new`, released when this is dropped.
        unsafe { result::ctx::set_current(self.context) }
            .map_err(|error| self.failed("cuCtxSetCurrent", error))
    }

    fn failed(&self, operation: &'static str, error: DriverError) -> Error {
        use sys::CUresult as Code;
        let device = Device::Cuda(self.number);
        match error.0 {
            // After these nothing works in this process any more.
            Code::CUDA_ERROR_DEINITIALIZED
            | Code::CUDA_ERROR_DEVICE_UNAVAILABLE
            | Code::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | Code::CUDA_ERROR_ECC_UNCORRECTABLE
            | Code::CUDA_ERROR_ILLEGAL_ADDRESS
            | Code::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | Code::CUDA_ERROR_LAUNCH_FAILED
            | Code::CUDA_ERROR_HARDWARE_STACK_ERROR => Error::DeviceLost(device),
            _ => Error::Device {
                device,
                operation,
                reason: error.to_string(),
            },
        }
    }

    fn service(&self) -> Option<sys::CUstream> {
        (self.service != 0).then_some(self.service as sys::CUstream)
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DriverError> {
        match self.service() {
            // SAFETY: the stream lives as long as this; the memory can be used anywhere once the stream has come here.
            Some(stream) => unsafe {
                let address = result::malloc_async(stream, bytes)?;
                result::stream::synchronize(stream)?;
                Ok(address)
            },
            // SAFETY: nothing reads the memory before something was written to it.
            None => unsafe { result::malloc_sync(bytes) },
        }
    }

    fn out_of_memory(&self, bytes: u64) -> Error {
        Error::DeviceOutOfMemory {
            device: Device::Cuda(self.number),
            bytes,
            held_bytes: 0,
            idle_bytes: 0,
            hooks: 0,
            holders: String::new(),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // A lost device refuses, and there is nothing left to give back then.
        let _ = self.enter();
        // SAFETY: made and retained in `new`; nothing that uses them outlives this.
        unsafe {
            if let Some(stream) = self.service() {
                let _ = result::stream::destroy(stream);
            }
            let _ = result::primary_ctx::release(self.device);
        }
    }
}

impl Backend for Cuda {
    fn device(&self) -> Device {
        Device::Cuda(self.0.number)
    }

    fn total_bytes(&self) -> Result<u64, Error> {
        // SAFETY: the device is one that the driver named.
        unsafe { result::device::total_mem(self.0.device) }
            .map(|bytes| bytes as u64)
            .map_err(|error| self.0.failed("cuDeviceTotalMem", error))
    }

    fn free_bytes(&self) -> Option<u64> {
        self.0.enter().ok()?;
        let (free, _) = result::mem_get_info().ok()?;
        Some(free as u64)
    }

    fn footprint(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(GRANULE)
    }

    fn allocate(&self, bytes: u64) -> Result<Box<dyn Memory>, Error> {
        self.0.enter()?;
        let bytes = self.footprint(bytes);
        let len = usize::try_from(bytes).map_err(|_| self.0.out_of_memory(bytes))?;
        let allocate = |len: usize| {
            self.0.allocate(len).map_err(|error| match error.0 {
                sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => self.0.out_of_memory(bytes),
                _ => self.0.failed("cuMemAlloc", error),
            })
        };
        let first = allocate(len)?;
        let block = |first, address| DeviceBlock {
            first,
            address,
            context: Arc::clone(&self.0),
        };
        if first.is_multiple_of(BLOCK_ALIGN) {
            return Ok(Box::new(block(first, first)));
        }
        // Rare: the driver begins larger blocks at pages.
        drop(block(first, first));
        let first = allocate(len + BLOCK_ALIGN as usize)?;
        Ok(Box::new(block(first, first.next_multiple_of(BLOCK_ALIGN))))
    }

    fn stream(&self) -> Result<Arc<dyn Timeline>, Error> {
        Ok(CudaStream::open(&self.0)?)
    }
}

/// Memory of a device.
#[derive(Debug)]
struct DeviceBlock {
    first: u64,
    address: u64,
    context: Arc<Context>,
}

impl Memory for DeviceBlock {
    fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for DeviceBlock {
    fn drop(&mut self) {
        let _ = self.context.enter();
        // SAFETY: allocated in `allocate`, freed once, and the pool drops blocks only when the work on them has finished.
        // On a lost device the driver refuses, and the memory went with it.
        unsafe {
            let _ = match self.context.service() {
                Some(stream) => result::free_async(self.first, stream)
                    .and_then(|()| result::stream::synchronize(stream)),
                None => result::free_sync(self.first),
            };
        }
    }
}

impl Backend for PinnedHost {
    fn device(&self) -> Device {
        Device::Pinned
    }

    fn total_bytes(&self) -> Result<u64, Error> {
        Ok(pixelbank_memory::available_memory())
    }

    fn footprint(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(BLOCK_ALIGN)
    }

    fn allocate(&self, bytes: u64) -> Result<Box<dyn Memory>, Error> {
        self.0.enter()?;
        let bytes = self.footprint(bytes);
        let refused = || pixelbank_memory::Error::OutOfMemory { bytes };
        let len = usize::try_from(bytes).map_err(|_| refused())?;
        // Usable from every context, not only this device's.
        let flags = sys::CU_MEMHOSTALLOC_PORTABLE;
        // SAFETY: what comes back is cleared before anybody can read it.
        let first = unsafe { result::malloc_host(len, flags) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => refused().into(),
            _ => self.0.failed("cuMemHostAlloc", error),
        })?;
        let first = NonNull::new(first.cast::<u8>()).ok_or_else(refused)?;
        // SAFETY: just allocated, `len` bytes, nobody else's.
        unsafe { first.as_ptr().write_bytes(0, len) };
        Ok(Box::new(PinnedBlock {
            first,
            context: Arc::clone(&self.0),
        }))
    }

    fn stream(&self) -> Result<Arc<dyn Timeline>, Error> {
        Ok(CudaStream::open(&self.0)?)
    }
}

/// Pinned memory of the process.
#[derive(Debug)]
struct PinnedBlock {
    first: NonNull<u8>,
    context: Arc<Context>,
}

// SAFETY: memory that nobody else refers to; who may read and write it is for the objects above to say.
unsafe impl Send for PinnedBlock {}
// SAFETY: as above.
unsafe impl Sync for PinnedBlock {}

impl Memory for PinnedBlock {
    fn address(&self) -> u64 {
        self.first.as_ptr().expose_provenance() as u64
    }
}

impl Drop for PinnedBlock {
    fn drop(&mut self) {
        let _ = self.context.enter();
        // SAFETY: allocated in `allocate` and freed once, after the work on it.
        let _ = unsafe { result::free_host(self.first.as_ptr().cast()) };
    }
}

/// A stream, with the events recorded on it that somebody may ask about.
struct CudaStream {
    context: Arc<Context>,
    stream: usize,
    state: Mutex<Points>,
}

#[derive(Default)]
struct Points {
    /// The last point that was given out, and the last that is known to have passed.
    marked: u64,
    passed: u64,
    /// Events of the points in between, in their order.
    events: VecDeque<(u64, Event)>,
    spare: Vec<Event>,
}

/// An event of the driver, as a number so that it may go to any thread.
#[derive(Clone, Copy)]
struct Event(usize);

impl Event {
    fn raw(self) -> sys::CUevent {
        self.0 as sys::CUevent
    }
}

impl CudaStream {
    fn open(context: &Arc<Context>) -> Result<Arc<Self>, Error> {
        context.enter()?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking)
            .map_err(|error| context.failed("cuStreamCreate", error))?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            stream: stream as usize,
            state: Mutex::default(),
        }))
    }

    fn cu_stream(&self) -> sys::CUstream {
        self.stream as sys::CUstream
    }

    /// Records an event after everything submitted so far.
    fn record(&self, points: &mut Points) -> Result<u64, Error> {
        self.context.enter()?;
        let said = |error| self.context.failed("cuEventRecord", error);
        let event = match points.spare.pop() {
            Some(event) => event,
            None => {
                let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING;
                Event(result::event::create(flags).map_err(said)? as usize)
            }
        };
        // SAFETY: the event was made here and is destroyed with the stream.
        if let Err(error) = unsafe { result::event::record(event.raw(), self.cu_stream()) } {
            points.spare.push(event);
            return Err(said(error));
        }
        points.marked += 1;
        points.events.push_back((points.marked, event));
        Ok(points.marked)
    }

    /// Takes note of the events that have passed.
    fn update(&self, points: &mut Points) -> Result<(), Error> {
        self.context.enter()?;
        while let Some((point, event)) = points.events.front().copied() {
            // SAFETY: as in `record`.
            match unsafe { result::event::query(event.raw()) } {
                Ok(()) => {
                    points.passed = point;
                    points.events.pop_front();
                    points.spare.push(event);
                }
                Err(DriverError(sys::CUresult::CUDA_ERROR_NOT_READY)) => break,
                Err(error) => return Err(self.context.failed("cuEventQuery", error)),
            }
        }
        Ok(())
    }
}

impl Timeline for CudaStream {
    fn mark(&self) -> u64 {
        let mut points = self.state.lock();
        // Where that fails the device is lost, on which every point has passed.
        self.record(&mut points).unwrap_or(0)
    }

    fn has_passed(&self, point: u64) -> bool {
        let mut points = self.state.lock();
        if points.passed >= point {
            return true;
        }
        match self.update(&mut points) {
            Ok(()) => points.passed >= point,
            // On a lost device nothing runs any more.
            Err(_) => true,
        }
    }

    fn wait_for(&self, other: &Arc<dyn Timeline>, point: u64) -> Result<(), Error> {
        let other = other
            .as_any()
            .downcast_ref::<Self>()
            .ok_or_else(|| Error::BadArgument {
                argument: "stream",
                reason: "it is none of CUDA's".to_owned(),
            })?;
        let points = other.state.lock();
        let Some((_, event)) = points.events.iter().find(|(at, _)| *at >= point) else {
            return Ok(());
        };
        self.context.enter()?;
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: stream and event are alive, the event's stream being locked.
        unsafe { result::stream::wait_event(self.cu_stream(), event.raw(), flags) }
            .map_err(|error| self.context.failed("cuStreamWaitEvent", error))
    }

    fn synchronize(&self, point: u64) -> Result<(), Error> {
        let points = self.state.lock();
        let event = points.events.iter().find(|(at, _)| *at >= point).copied();
        drop(points);
        self.context.enter()?;
        let Some((_, event)) = event else {
            return Ok(());
        };
        // SAFETY: events are destroyed only with the stream. One that was recorded anew meanwhile is waited for longer.
        unsafe { result::event::synchronize(event.raw()) }
            .map_err(|error| self.context.failed("cuEventSynchronize", error))
    }

    fn submit(&self, _addresses: Vec<u64>, job: Box<dyn FnOnce() + Send>) -> Result<(), Error> {
        /// # Safety
        /// The argument must be a leaked `Box<Box<dyn FnOnce() + Send>>`, and not be used again.
        unsafe extern "C" fn run(job: *mut c_void) {
            // SAFETY: the driver calls it once, with what `submit` leaked.
            let job = unsafe { Box::from_raw(job.cast::<Box<dyn FnOnce() + Send>>()) };
            // A panic must not go through the driver.
            let _ = catch_unwind(AssertUnwindSafe(*job));
        }
        self.context.enter()?;
        let job = Box::into_raw(Box::new(job));
        // SAFETY: `run` takes what `job` is.
        let launched =
            unsafe { result::stream::launch_host_function(self.cu_stream(), run, job.cast()) };
        launched.map_err(|error| {
            // SAFETY: the driver refused it, so that nobody else has it.
            drop(unsafe { Box::from_raw(job) });
            self.context.failed("cuLaunchHostFunc", error)
        })
    }

    fn raw(&self) -> u64 {
        self.stream as u64
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for CudaStream {
    fn drop(&mut self) {
        let _ = self.context.enter();
        let points = self.state.get_mut();
        let events = points.events.drain(..).map(|(_, event)| event);
        // SAFETY: made here; the driver lets both go before the work has finished, and frees them afterwards.
        unsafe {
            for event in events.chain(points.spare.drain(..)) {
                let _ = result::event::destroy(event.raw());
            }
            let _ = result::stream::destroy(self.cu_stream());
        }
    }
}

impl fmt::Debug for CudaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaStream({}, {:#x})", self.context.number, self.stream)
    }
}
