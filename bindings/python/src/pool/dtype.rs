//! Types of elements: their names, NumPy's objects for them, and what the buffer protocol calls them.

use std::ffi::{CStr, c_long};

use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pixelbank_pool::{DType, Kind};
use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::argument;

/// The type that an argument `dtype` names: `float32`, `numpy.float32`, `torch.float32`.
pub fn named(dtype: &Bound<'_, PyAny>) -> PyResult<DType> {
    if let Ok(name) = dtype.cast::<PyString>()
        && let Ok(found) = DType::from_name(name.to_str()?)
    {
        return Ok(found);
    }
    let text = dtype.str()?.to_string();
    if let Some(name) = text.strip_prefix("torch.")
        && let Ok(found) = DType::from_name(name)
    {
        return Ok(found);
    }
    let bad = |reason: String| argument("dtype", reason);
    let descr = PyArrayDescr::new(dtype.py(), dtype)
        .map_err(|error| bad(format!("{text} is no type of elements: {error}")))?;
    if descr.is_native_byteorder() == Some(false) {
        return Err(bad(format!("{text} is not in the machine's byte order")));
    }
    let name: String = descr.getattr("name")?.extract()?;
    DType::from_name(&name).map_err(|error| bad(error.to_string()))
}

/// NumPy's object for a type, which for `bfloat16` is that of the package `ml_dtypes`; `None` where that is missing.
pub fn descr(py: Python<'_>, dtype: DType) -> PyResult<Option<Bound<'_, PyArrayDescr>>> {
    if dtype.lanes > 1 {
        return Ok(None);
    }
    if dtype.kind != Kind::BFloat {
        return PyArrayDescr::new(py, dtype.to_string()).map(Some);
    }
    match py.import("ml_dtypes") {
        Ok(module) => PyArrayDescr::new(py, module.getattr("bfloat16")?).map(Some),
        Err(error) if error.is_instance_of::<PyModuleNotFoundError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As Python's `struct` writes it; `None` for what that has no letter for.
pub fn buffer_format(dtype: DType) -> Option<&'static CStr> {
    // NumPy's own int64 is the C type `long` where that has 64 bits.
    let is_long = size_of::<c_long>() == 8;
    Some(match dtype {
        DType::U8 => c"B",
        DType::U16 => c"H",
        DType::U32 => c"I",
        DType::U64 if is_long => c"L",
        DType::U64 => c"Q",
        DType::I8 => c"b",
        DType::I16 => c"h",
        DType::I32 => c"i",
        DType::I64 if is_long => c"l",
        DType::I64 => c"q",
        DType::F16 => c"e",
        DType::F32 => c"f",
        DType::F64 => c"d",
        DType::C64 => c"Zf",
        DType::C128 => c"Zd",
        DType::BOOL => c"?",
        _ => return None,
    })
}

/// The type that a buffer's elements of that format and size have.
pub fn of_buffer(format: &str, item_bytes: usize) -> Option<DType> {
    let native = match cfg!(target_endian = "little") {
        true => ['@', '=', '<', '|'],
        false => ['@', '=', '>', '!'],
    };
    let code = format.trim_start_matches(native);
    Some(match (code, item_bytes) {
        ("B" | "H" | "I" | "L" | "Q" | "N", 1) => DType::U8,
        ("H" | "I" | "L" | "Q" | "N", 2) => DType::U16,
        ("I" | "L" | "Q" | "N", 4) => DType::U32,
        ("L" | "Q" | "N", 8) => DType::U64,
        ("b", 1) => DType::I8,
        ("h", 2) => DType::I16,
        ("i" | "l", 4) => DType::I32,
        ("l" | "q" | "n", 8) => DType::I64,
        ("e", 2) => DType::F16,
        ("f", 4) => DType::F32,
        ("d", 8) => DType::F64,
        ("Zf", 8) => DType::C64,
        ("Zd", 16) => DType::C128,
        ("?", 1) => DType::BOOL,
        _ => return None,
    })
}

/// What `__cuda_array_interface__` calls it.
pub fn typestr(dtype: DType) -> Option<String> {
    let letter = match dtype.kind {
        Kind::Int => 'i',
        Kind::UInt => 'u',
        Kind::Float => 'f',
        Kind::Complex => 'c',
        Kind::Bool => 'b',
        _ => return None,
    };
    let order = match (dtype.bytes(), cfg!(target_endian = "little")) {
        (1, _) => '|',
        (_, true) => '<',
        (_, false) => '>',
    };
    (dtype.lanes == 1).then(|| format!("{order}{letter}{}", dtype.bytes()))
}
