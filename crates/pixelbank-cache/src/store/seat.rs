//! A place for one object, which many threads look into without writing where another reads.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::super::sync::{Arc, AtomicPtr, Ordering, in_order};
use super::marks::{self, Marked, Marks};

/// Holds an object, or nothing. An object is in one seat at most.
pub(crate) struct Seat<T: Marked> {
    /// Null, or an owner's share of an `Arc`.
    object: AtomicPtr<T>,
    owns: PhantomData<Arc<T>>,
}

/// A handle to an object that was found in a seat, or is as good as one: the object stays as long as this does.
pub(crate) struct Held<T: Marked> {
    object: NonNull<T>,
    /// Where this handle is marked, on behalf of the thread that found it; without one, it is an owner's share of an `Arc`.
    mark: Option<&'static AtomicPtr<T>>,
}

impl<T: Marked> Seat<T> {
    pub fn empty() -> Self {
        Self {
            object: AtomicPtr::default(),
            owns: PhantomData,
        }
    }

    /// What sits there. `marks` are those of the calling thread.
    #[inline(always)]
    pub fn get(&self, marks: Option<&'static Marks<T>>) -> Option<Held<T>> {
        let seen = self.object.load(Ordering::Relaxed);
        if seen.is_null() {
            return None;
        }
        match marks.and_then(Marks::free) {
            Some(mark) => self.mark(seen, mark),
            None => self.get_counted(),
        }
    }

    #[inline(always)]
    fn mark(&self, mut seen: *mut T, mark: &'static AtomicPtr<T>) -> Option<Held<T>> {
        loop {
            marks::set(mark, seen);
            let now = self.object.load(Ordering::SeqCst);
            if now == seen {
                let object = NonNull::new(seen)?;
                let mark = Some(mark);
                return Some(Held { object, mark });
            }
            // It went before the mark could be seen.
            drop(marks::clear(mark, seen));
            if now.is_null() {
                return None;
            }
            seen = now;
        }
    }

    /// For a thread that has no mark to spare.
    #[cold]
    fn get_counted(&self) -> Option<Held<T>> {
        let lent = T::registry().lend();
        let held = self.get(Some(lent.0))?;
        Some(held.clone())
    }

    /// Puts an object there, if nothing is; gives it back otherwise.
    pub fn put(&self, object: Arc<T>) -> Result<(), Arc<T>> {
        let new = Arc::into_raw(object).cast_mut();
        let put =
            self.object
                .compare_exchange(ptr::null_mut(), new, Ordering::SeqCst, Ordering::Relaxed);
        // SAFETY: it has just come from an `Arc`, and the seat did not take it.
        put.map(drop).map_err(|_| unsafe { Arc::from_raw(new) })
    }

    /// Takes out what sits there. Those who hold it keep it.
    pub fn take(&self) -> Option<Arc<T>> {
        let object = self.object.swap(ptr::null_mut(), Ordering::SeqCst);
        in_order();
        if object.is_null() {
            return None;
        }
        // SAFETY: the seat owned a share of it, and has given it up.
        let object = unsafe { Arc::from_raw(object) };
        T::registry().pay(&object);
        Some(object)
    }

    /// Takes `object` out, unless somebody holds it beside `n_owners`, of which the seat is one. Whether it is out.
    pub fn take_idle(&self, object: &Arc<T>, n_owners: usize) -> bool {
        // Marks first: whoever turns a mark into a share counts before the mark goes.
        let is_held =
            || T::registry().has(Arc::as_ptr(object)) || Arc::strong_count(object) > n_owners;
        // Mostly this is the end of it, and nobody finds an empty seat for nothing.
        if is_held() {
            return false;
        }
        let raw = Arc::as_ptr(object).cast_mut();
        let order = (Ordering::SeqCst, Ordering::Relaxed);
        let taken = self
            .object
            .compare_exchange(raw, ptr::null_mut(), order.0, order.1);
        if taken.is_err() {
            return true;
        }
        in_order();
        // SAFETY: the seat owned a share of it, and has given it up.
        let share = unsafe { Arc::from_raw(raw) };
        if !is_held() {
            return true;
        }
        if let Err(share) = self.put(share) {
            T::registry().pay(&share);
            return true;
        }
        false
    }
}

impl<T: Marked> Drop for Seat<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: Marked> Held<T> {
    /// How many own the object, seats among them. A handle that is marked does not count.
    pub fn n_owners(&self) -> usize {
        // SAFETY: the pointer came from an `Arc` that has not gone, and the copy made of it here is not dropped.
        let shared = std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(self.object.as_ptr()) });
        Arc::strong_count(&shared)
    }

    /// A share of the object.
    pub fn share(&self) -> Arc<T> {
        // SAFETY: as in `n_owners`.
        let shared = std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(self.object.as_ptr()) });
        Arc::clone(&shared)
    }
}

impl<T: Marked> From<Arc<T>> for Held<T> {
    fn from(object: Arc<T>) -> Self {
        // SAFETY: an `Arc` points to something.
        let object = unsafe { NonNull::new_unchecked(Arc::into_raw(object).cast_mut()) };
        Self { object, mark: None }
    }
}

impl<T: Marked> Clone for Held<T> {
    /// A handle that is counted: this thread's marks are for what it finds.
    fn clone(&self) -> Self {
        Self::from(self.share())
    }
}

impl<T: Marked> Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: an owner's share keeps the object. So does a mark that was set while the object sat in its seat: whoever
        // takes it out looks at all marks afterwards, and leaves it or pays.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Marked> Drop for Held<T> {
    #[inline]
    fn drop(&mut self) {
        let object = self.object.as_ptr();
        drop(match self.mark {
            Some(mark) => marks::clear(mark, object),
            // SAFETY: it is an owner's share, which goes with it.
            None => Some(unsafe { Arc::from_raw(object) }),
        });
    }
}

// SAFETY: it gives away no more than an `Arc` does, and both a share and a mark may be given up by any thread.
unsafe impl<T: Marked + Send + Sync> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Marked + Send + Sync> Sync for Held<T> {}

impl<T: Marked> fmt::Debug for Seat<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.object).finish()
    }
}
