//! A walk over every Python object, for the analyser. Nothing is made on the heap that is looked at, and no instance's
//! dict: objects are only asked what they refer to, as the collector asks them.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_ulong, c_void};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

/// What stands before an object that the collector knows.
const GC_HEADER_BYTES: usize = 16;
/// What stands before that where a class keeps attributes or weak references out of its instances.
const PRE_HEADER_BYTES: usize = 16;

/// Bits of a type's flags, as CPython has had them since 3.11 and 3.12.
const MANAGED_WEAKREF: c_ulong = 1 << 3;
const MANAGED_DICT: c_ulong = 1 << 4;
const HEAP_TYPE: c_ulong = 1 << 9;
const HAVE_GC: c_ulong = 1 << 14;

/// The sums of one type.
struct Row {
    of: *mut ffi::PyTypeObject,
    traverse: Option<ffi::traverseproc>,
    /// Which objects the collector knows, where it is not all of the type: static types are not among types.
    is_gc: Option<ffi::inquiry>,
    size: SizeOf,
    /// Bytes ahead of each.
    header_bytes: usize,
    /// Whether attributes lie in an array beside the object, rather than in a dict.
    has_values: bool,
    count: u64,
    bytes: u64,
    /// References that instances hold, for the array of attributes.
    references: u64,
}

/// How large an object of a type is.
enum SizeOf {
    Fixed { basic: usize, item: usize },
    Asked(*mut ffi::PyObject),
}

/// A map by addresses, a set where there are no values: the walk spends most of its time in it.
struct Addresses<V> {
    slots: Vec<(usize, V)>,
    len: usize,
}

impl<V: Copy + Default> Addresses<V> {
    fn new() -> Self {
        Self {
            slots: vec![(0, V::default()); 1 << 12],
            len: 0,
        }
    }

    fn place(&self, address: usize) -> usize {
        let mask = self.slots.len() - 1;
        // Objects lie at multiples of 16; the product spreads what is left over the upper bits.
        let mut at = (address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20 & mask;
        while self.slots[at].0 != 0 && self.slots[at].0 != address {
            at = (at + 1) & mask;
        }
        at
    }

    fn get(&self, address: usize) -> Option<V> {
        let (found, value) = self.slots[self.place(address)];
        (found != 0).then_some(value)
    }

    /// Whether it was not there.
    fn insert(&mut self, address: usize, value: V) -> bool {
        let at = self.place(address);
        if self.slots[at].0 != 0 {
            return false;
        }
        self.slots[at] = (address, value);
        self.len += 1;
        if self.len * 16 > self.slots.len() * 13 {
            let grown = vec![(0, V::default()); self.slots.len() * 2];
            for entry in std::mem::replace(&mut self.slots, grown) {
                if entry.0 != 0 {
                    let at = self.place(entry.0);
                    self.slots[at] = entry;
                }
            }
        }
        true
    }
}

struct Walk {
    rows: Vec<Row>,
    /// Where each type's row is.
    types: Addresses<u32>,
    /// What the collector does not know, once it has been met.
    met: Addresses<()>,
    waiting: Vec<*mut ffi::PyObject>,
    references: u64,
    object_sizeof: *mut ffi::PyObject,
}

impl Walk {
    fn row(&mut self, py: Python<'_>, of: *mut ffi::PyTypeObject) -> PyResult<usize> {
        if let Some(row) = self.types.get(of as usize) {
            return Ok(row as usize);
        }
        // SAFETY: an object's type is alive as long as the object, and objects stay while the interpreter is held.
        let bound = unsafe { Bound::from_borrowed_ptr(py, of.cast()) };
        // SAFETY: as above.
        let flags = unsafe { ffi::PyType_GetFlags(of) };
        // SAFETY: static types have had slots that can be asked for since 3.10.
        let traverse = unsafe { ffi::PyType_GetSlot(of, ffi::Py_tp_traverse) };
        let asks = bound.getattr("__sizeof__")?;
        // Only what is native is asked: a class's own code could do anything to what is being walked.
        let is_native = asks.get_type().name()? == "method_descriptor";
        // SAFETY: as above.
        let is_gc = unsafe { ffi::PyType_GetSlot(of, ffi::Py_tp_is_gc) };
        let size = if asks.as_ptr() == self.object_sizeof || !is_native {
            SizeOf::Fixed {
                basic: bound.getattr("__basicsize__")?.extract()?,
                item: bound.getattr("__itemsize__")?.extract()?,
            }
        } else {
            // Kept for the walk: types, and with them their methods, may not go meanwhile.
            SizeOf::Asked(asks.into_ptr())
        };
        let has_managed = flags & (MANAGED_DICT | MANAGED_WEAKREF) != 0;
        let header = if flags & HAVE_GC != 0 {
            GC_HEADER_BYTES
        } else {
            0
        };
        self.rows.push(Row {
            of,
            // SAFETY: a slot of that number is a function of that type, or null.
            traverse: unsafe {
                std::mem::transmute::<*mut c_void, Option<ffi::traverseproc>>(traverse)
            },
            // SAFETY: as above.
            is_gc: unsafe { std::mem::transmute::<*mut c_void, Option<ffi::inquiry>>(is_gc) },
            size,
            header_bytes: header + if has_managed { PRE_HEADER_BYTES } else { 0 },
            has_values: flags & MANAGED_DICT != 0 && flags & HEAP_TYPE != 0,
            count: 0,
            bytes: 0,
            references: 0,
        });
        let number = self.rows.len() - 1;
        self.types.insert(of as usize, number as u32);
        Ok(number)
    }

    /// Counts one object, and notes what it refers to that has not been met.
    fn look(&mut self, py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<()> {
        // SAFETY: the object is alive: somebody who is alive refers to it, and the interpreter is held.
        let number = self.row(py, unsafe { ffi::Py_TYPE(object) })?;
        let row = &self.rows[number];
        let bytes = match row.size {
            SizeOf::Fixed { basic, item: 0 } => basic,
            // SAFETY: a type with items has objects with a size.
            SizeOf::Fixed { basic, item } => {
                // SAFETY: a type with items has objects with a size.
                basic + item * unsafe { ffi::Py_SIZE(object) }.unsigned_abs()
            }
            SizeOf::Asked(method) => size_by(py, method, object).unwrap_or(0),
        };
        let (header, traverse, is_gc) = (row.header_bytes, row.traverse, row.is_gc);
        self.references = 0;
        // SAFETY: as the collector calls it.
        let is_known = is_gc.is_none_or(|is_gc| unsafe { is_gc(object) } != 0);
        if is_known && let Some(traverse) = traverse {
            // SAFETY: as the collector calls it: an object of the type, and a function that only notes addresses.
            unsafe { traverse(object, visit, std::ptr::from_mut(self).cast()) };
        }
        let row = &mut self.rows[number];
        row.count += 1;
        row.bytes += (bytes + header) as u64;
        row.references += self.references;
        Ok(())
    }
}

/// What `method` says of `object`; nothing where it raises, as objects that are half made may.
fn size_by(
    py: Python<'_>,
    method: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
) -> Option<usize> {
    // SAFETY: both are alive; a null pointer means that an exception was set.
    let size = unsafe {
        Bound::from_owned_ptr_or_opt(
            py,
            ffi::PyObject_CallFunctionObjArgs(
                method,
                object,
                std::ptr::null_mut::<ffi::PyObject>(),
            ),
        )
    };
    match size {
        Some(size) => size.extract().ok(),
        None => {
            drop(PyErr::take(py));
            None
        }
    }
}

extern "C" fn visit(object: *mut ffi::PyObject, walk: *mut c_void) -> c_int {
    // SAFETY: `look` hands its walk over, and does not touch it meanwhile.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    walk.references += 1;
    // SAFETY: an object that another one refers to. What the collector knows is in its list.
    if unsafe { ffi::PyObject_GC_IsTracked(object) } == 0 && walk.met.insert(object as usize, ()) {
        walk.waiting.push(object);
    }
    0
}

type Sums = (Py<PyType>, u64, u64, u64, bool);

/// Every object by type: type, count, bytes, references that they hold, whether attributes lie in an array beside each.
///
/// Raises `RuntimeError` on an interpreter without its lock: others would change what is looked at.
#[pyfunction]
pub fn _walk(py: Python<'_>) -> PyResult<Vec<Sums>> {
    let sys = py.import("sys")?;
    if let Some(is_enabled) = sys.getattr_opt("_is_gil_enabled")?
        && !is_enabled.call0()?.is_truthy()?
    {
        return Err(PyRuntimeError::new_err(
            "objects cannot be walked on a free-threaded interpreter: others would change them meanwhile",
        ));
    }
    let tracked = py
        .import("gc")?
        .call_method0("get_objects")?
        .cast_into::<PyList>()?;
    let mut walk = Walk {
        rows: Vec::new(),
        types: Addresses::new(),
        met: Addresses::new(),
        waiting: Vec::new(),
        references: 0,
        object_sizeof: py
            .import("builtins")?
            .getattr("object")?
            .getattr("__sizeof__")?
            .as_ptr(),
    };
    let n = tracked.len();
    for number in 0..n {
        // SAFETY: within the list, which nobody else has.
        let object = unsafe { ffi::PyList_GetItem(tracked.as_ptr(), number as ffi::Py_ssize_t) };
        walk.look(py, object)?;
        while let Some(object) = walk.waiting.pop() {
            walk.look(py, object)?;
        }
    }
    let rows = std::mem::take(&mut walk.rows);
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let SizeOf::Asked(method) = row.size {
            // SAFETY: the reference that `row` took.
            drop(unsafe { Bound::from_owned_ptr(py, method) });
        }
        // SAFETY: as in `row`.
        let of = unsafe { Bound::from_borrowed_ptr(py, row.of.cast()) }.cast_into::<PyType>()?;
        found.push((
            of.unbind(),
            row.count,
            row.bytes,
            row.references,
            row.has_values,
        ));
    }
    Ok(found)
}

/// Bytes that the C library's allocator has given out, and that it keeps free; zeros where it does not say.
#[pyfunction]
pub fn _c_allocator() -> (usize, usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: asks for figures, and needs nothing.
        let info = unsafe { libc::mallinfo2() };
        (info.uordblks + info.hblkhd, info.fordblks)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    (0, 0)
}

/// Has the C library's allocator give back what it keeps free, where it can.
#[pyfunction]
pub fn _c_trim(py: Python<'_>) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: looks for free pages under the allocator's own locks, and needs nothing.
    py.detach(|| unsafe { libc::malloc_trim(0) });
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = py;
}
