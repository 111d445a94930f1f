//! What each thread is looking at, for all to see.
//!
//! A thread that takes something from a [`Seat`](super::seat::Seat) writes its address here, into memory that only this
//! thread writes to, instead of into a count that all threads share: two that look at the same do not slow each other
//! down. Whoever wants to drop an object looks through the marks of all threads first. (The literature calls these hazard
//! pointers.)

use super::super::sync::{Arc, AtomicBool, AtomicPtr, Ordering, in_order};

/// Marks of a thread: how many objects it can look at before the next ones are counted.
const PER_THREAD: usize = 8;

/// A type that seats hold. Each has marks of its own, since a mark is an address, and says nothing of what lies there.
pub(crate) trait Marked: Sized + 'static {
    /// The marks of all threads.
    fn registry() -> &'static Registry<Self>;

    /// Those of the thread that asks; `None` where that is ending.
    fn of_this_thread() -> Option<&'static Marks<Self>>;
}

/// The marks of all threads: as many as there ever were at once. They are passed on from thread to thread and never freed.
#[derive(Debug)]
pub(crate) struct Registry<T: 'static> {
    newest: AtomicPtr<Marks<T>>,
}

/// The marks of one thread.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Marks<T: 'static> {
    marks: [AtomicPtr<T>; PER_THREAD],
    is_lent: AtomicBool,
    /// How many there were before these: no two threads have the same number at once.
    pub number: usize,
    older: Option<&'static Self>,
}

/// Marks for as long as this is kept; by one thread.
#[derive(Debug)]
pub(crate) struct Lent<T: 'static>(pub &'static Marks<T>);

impl<T> Registry<T> {
    pub fn new() -> Self {
        Self {
            newest: AtomicPtr::default(),
        }
    }

    /// Marks that nobody has at this time.
    pub fn lend(&'static self) -> Lent<T> {
        let free = self.all().find(|marks| {
            let lent = &marks.is_lent;
            // The look before it keeps those who search from writing to what others have.
            !lent.load(Ordering::Relaxed) && !lent.swap(true, Ordering::Acquire)
        });
        Lent(free.unwrap_or_else(|| self.add()))
    }

    #[cold]
    fn add(&'static self) -> &'static Marks<T> {
        let mut newest = self.newest.load(Ordering::Acquire);
        let mut marks = Box::new(Marks {
            marks: std::array::from_fn(|_| AtomicPtr::default()),
            is_lent: AtomicBool::new(true),
            number: 0,
            older: None,
        });
        loop {
            // SAFETY: what this pointer ever showed was leaked below, so that it lives for ever, and is changed no more.
            marks.older = unsafe { newest.cast_const().as_ref() };
            marks.number = marks.older.map_or(0, |older| older.number + 1);
            let added = Box::into_raw(marks);
            match self
                .newest
                .compare_exchange(newest, added, Ordering::AcqRel, Ordering::Acquire)
            {
                // SAFETY: it came from a box, and nobody frees it.
                Ok(_) => return unsafe { &*added },
                Err(other) => {
                    newest = other;
                    // SAFETY: the box that was taken apart above; nobody else has seen it.
                    marks = unsafe { Box::from_raw(added) };
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &'static Marks<T>> {
        // SAFETY: as in `add`.
        let newest = unsafe { self.newest.load(Ordering::Acquire).cast_const().as_ref() };
        std::iter::successors(newest, |marks| marks.older)
    }

    /// How many threads there are marks for.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.all().count()
    }

    /// All marks at that address.
    fn at(&self, object: *const T) -> impl Iterator<Item = &'static AtomicPtr<T>> {
        let marks = self.all().flat_map(|marks| &marks.marks);
        marks.filter(move |mark| mark.load(Ordering::SeqCst).cast_const() == object)
    }

    /// Whether a thread marks that address. Not more than a hint, unless nobody can come to the object any more: then `false`
    /// is final.
    pub fn has(&self, object: *const T) -> bool {
        self.at(object).next().is_some()
    }

    /// Has everybody who marks `object` count as an owner instead. To be called when nobody can come to it any more.
    pub fn pay(&self, object: &Arc<T>) {
        for mark in self.at(Arc::as_ptr(object)) {
            let paid = Arc::into_raw(Arc::clone(object)).cast_mut();
            let taken = mark.compare_exchange(
                paid,
                std::ptr::null_mut(),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if taken.is_err() {
                // SAFETY: the handle of two lines before, which nobody has taken over: its mark went without it.
                drop(unsafe { Arc::from_raw(paid) });
            }
        }
    }
}

impl<T> Marks<T> {
    /// A mark that shows nothing. To be asked by the thread that has these marks, which alone sets them.
    #[inline]
    pub fn free(&'static self) -> Option<&'static AtomicPtr<T>> {
        let mut marks = self.marks.iter();
        marks.find(|mark| mark.load(Ordering::Relaxed).is_null())
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        self.0.is_lent.store(false, Ordering::Release);
    }
}

/// Sets a mark that is free. What is read after it is read after all have been able to see the mark.
#[inline]
pub(super) fn set<T>(mark: &AtomicPtr<T>, object: *mut T) {
    // A plain store could be seen by others later than what this thread reads next.
    mark.swap(object, Ordering::SeqCst);
    in_order();
}

/// Takes a mark off. Where somebody has paid for it meanwhile, the caller is an owner by now: the handle.
#[inline]
pub(super) fn clear<T>(mark: &AtomicPtr<T>, object: *mut T) -> Option<Arc<T>> {
    let cleared = mark.compare_exchange(
        object,
        std::ptr::null_mut(),
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    // SAFETY: only `pay` changes a mark of somebody else, and it leaves an owner's share behind, made from an `Arc` of this
    // type at this address. Should this thread have set the same mark to the same address again, then that one is off now
    // and the share is for whoever comes second: there are as many shares as there are takers.
    (cleared.is_err()).then(|| unsafe { Arc::from_raw(object) })
}
