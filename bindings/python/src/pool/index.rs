//! `tensor[...]`: parts, without copying.

use std::ops::Range;

use pixelbank_pool::{MAX_RANK, Tensor};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyTuple};

use crate::errors::{argument, from_pool};

/// What `index` names of a tensor. `None` where it names a single element.
pub fn part(tensor: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Option<Tensor>> {
    let shape = tensor.shape();
    let rank = shape.len();
    let single;
    let parts = match index.cast::<PyTuple>() {
        Ok(parts) => parts,
        Err(_) => {
            single = PyTuple::new(index.py(), [index])?;
            &single
        }
    };
    let is_ellipsis = |part: &Bound<'_, PyAny>| part.is(part.py().Ellipsis());
    let ellipses = parts.iter().filter(is_ellipsis).count();
    if ellipses > 1 || parts.len() - ellipses > rank {
        return Err(PyIndexError::new_err(format!(
            "{} indices for {rank} dimensions",
            parts.len() - ellipses
        )));
    }
    let mut ranges: [Range<u64>; MAX_RANK] =
        std::array::from_fn(|i| 0..shape.get(i).copied().unwrap_or(0));
    let mut single = [false; MAX_RANK];
    let mut at = 0;
    for part in parts.iter() {
        if is_ellipsis(&part) {
            at = rank - (parts.len() - 1 - at);
            continue;
        }
        (ranges[at], single[at]) = one(&part, at, shape[at])?;
        at += 1;
    }
    let n_single = single.iter().filter(|is_single| **is_single).count();
    if n_single == rank {
        return Ok(None);
    }
    let mut part = tensor
        .part(&ranges[..rank])
        .map_err(|error| from_pool(&error))?;
    // From behind, so that those in front keep their numbers.
    for dimension in (0..rank).rev().filter(|dimension| single[*dimension]) {
        part = part.at(dimension, 0).map_err(|error| from_pool(&error))?;
    }
    Ok(Some(part))
}

/// A range of one dimension, and whether it is a single index, with which the dimension goes.
fn one(part: &Bound<'_, PyAny>, dimension: usize, extent: u64) -> PyResult<(Range<u64>, bool)> {
    if let Ok(slice) = part.cast::<PySlice>() {
        let indices = slice.indices(extent as isize)?;
        if indices.step != 1 {
            return Err(argument(
                "index",
                format!(
                    "{slice}: a part has every element from the first to the last; numpy() has steps"
                ),
            ));
        }
        if indices.slicelength == 0 {
            return Err(argument(
                "index",
                format!("{slice} of dimension {dimension}, which has {extent}, is empty"),
            ));
        }
        return Ok((indices.start as u64..indices.stop as u64, false));
    }
    let number: i64 = part
        .extract()
        .map_err(|_| argument("index", "a tensor is indexed by numbers, slices and `...`"))?;
    let from_start = match number < 0 {
        true => number.checked_add_unsigned(extent),
        false => Some(number),
    };
    from_start
        .and_then(|at| u64::try_from(at).ok())
        .filter(|at| *at < extent)
        .map(|at| (at..at + 1, true))
        .ok_or_else(|| {
            PyIndexError::new_err(format!(
                "index {number} of dimension {dimension}, which has {extent}"
            ))
        })
}
