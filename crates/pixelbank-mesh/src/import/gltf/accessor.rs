use super::buffers::{Buffers, Source};
use super::json::{Accessor, Document, Shape};
use crate::Books;
use crate::error::{Fault, malformed};
use crate::import::input::{Window, window_bytes};

/// Reads what accessors say of buffers, once it is found to be within them.
pub(super) struct Accessors<'a> {
    document: &'a Document,
    buffers: &'a Buffers<'a>,
    books: &'a Books,
}

/// An accessor that lies within its buffer.
pub(super) struct Checked<'a> {
    accessor: &'a Accessor,
    source: &'a Source<'a>,
    offset: u64,
    stride: u64,
    element: u64,
    n_components: usize,
}

impl Checked<'_> {
    pub(super) fn count(&self) -> u64 {
        self.accessor.count
    }
}

fn component_bytes(kind: u32) -> Option<usize> {
    Some(match kind {
        5120 | 5121 => 1,
        5122 | 5123 => 2,
        5125 | 5126 => 4,
        _ => return None,
    })
}

impl<'a> Accessors<'a> {
    pub(super) fn new(document: &'a Document, buffers: &'a Buffers<'a>, books: &'a Books) -> Self {
        Self {
            document,
            buffers,
            books,
        }
    }

    pub(super) fn books(&self) -> &Books {
        self.books
    }

    pub(super) fn get(&self, number: usize) -> Result<Checked<'a>, Fault> {
        let outside = |what: &str| malformed(format!("accessor {number} {what}"));
        let Some(accessor) = self.document.accessors.get(number) else {
            return outside("is not there");
        };
        if accessor.sparse.is_some() {
            return Err(Fault::Unsupported("sparse accessors".to_owned()));
        }
        let n_components = match accessor.kind {
            Some(Shape::Scalar) => 1,
            Some(Shape::Vec2) => 2,
            Some(Shape::Vec3) => 3,
            Some(Shape::Vec4) => 4,
            _ => return outside("is no vector"),
        };
        let Some(bytes) = component_bytes(accessor.component_type) else {
            return outside("has components of an unknown type");
        };
        let element = (n_components * bytes) as u64;
        let Some(view) = accessor.buffer_view else {
            // Zeroes, by the standard. Nobody writes meshes of them, and a few bytes would ask for any amount.
            return Err(Fault::Unsupported("accessors without a buffer".to_owned()));
        };
        let Some(view) = self.document.buffer_views.get(view) else {
            return outside("is in a view that is not there");
        };
        let source = self.buffers.get(view.buffer)?;
        let stride = view.byte_stride.unwrap_or(element);
        if stride < element {
            return outside("has elements that overlap");
        }
        let last = accessor.count.saturating_sub(1);
        let end = last
            .checked_mul(stride)
            .and_then(|bytes| bytes.checked_add(element))
            .and_then(|bytes| bytes.checked_add(accessor.byte_offset));
        let view_end = view.byte_offset.checked_add(view.byte_length);
        let is_within = accessor.count == 0 || end.is_some_and(|end| end <= view.byte_length);
        if !is_within || view_end.is_none_or(|end| end > source.len()) {
            return outside("reaches beyond its buffer");
        }
        Ok(Checked {
            accessor,
            source,
            offset: view.byte_offset + accessor.byte_offset,
            stride,
            element,
            n_components,
        })
    }

    /// Calls `each` with every element's bytes.
    fn elements(
        &self,
        checked: &Checked,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (input, at) = checked.source.place(checked.offset);
        let len = window_bytes(checked.accessor.count * checked.stride);
        let mut window = Window::new(self.books, input.reader(at), at, len)?;
        for n in 0..checked.accessor.count {
            let mut gap = if n == 0 {
                0
            } else {
                checked.stride - checked.element
            };
            while gap > 0 {
                let here = (window.bytes().len() as u64).min(gap);
                window.consume(here as usize);
                gap -= here;
                if gap > 0 && !window.want(1)? {
                    return malformed("a buffer became shorter while it was read");
                }
            }
            if !window.want(checked.element as usize)? {
                return malformed("a buffer became shorter while it was read");
            }
            each(n as usize, &window.bytes()[..checked.element as usize])?;
            window.consume(checked.element as usize);
        }
        Ok(())
    }

    /// Calls `each` with `N` components of every element. Where it has three and four are wanted, the fourth is one. There
    /// must be `n` of them: as many as vertices.
    pub(super) fn read<const N: usize>(
        &self,
        number: usize,
        n: usize,
        mut each: impl FnMut(usize, [f32; N]),
    ) -> Result<(), Fault> {
        let checked = self.get(number)?;
        if checked.accessor.count != n as u64 {
            return malformed(format!(
                "accessor {number} has {} elements for {n} vertices",
                checked.accessor.count
            ));
        }
        let has_all = checked.n_components == N || (N == 4 && checked.n_components == 3);
        if !has_all {
            return malformed(format!(
                "accessor {number} has {} components where {N} belong",
                checked.n_components
            ));
        }
        let (kind, normalized) = (checked.accessor.component_type, checked.accessor.normalized);
        let step = checked.element as usize / checked.n_components;
        self.elements(&checked, |n, bytes| {
            let mut values = [1.0; N];
            for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(step)) {
                *value = component(kind, normalized, bytes);
            }
            each(n, values);
            Ok(())
        })
    }

    /// Calls `each` with every index.
    pub(super) fn read_indices(
        &self,
        number: usize,
        mut each: impl FnMut(usize, u32),
    ) -> Result<(), Fault> {
        let checked = self.get(number)?;
        let is_index = matches!(checked.accessor.component_type, 5121 | 5123 | 5125);
        if !is_index || checked.n_components != 1 {
            return malformed(format!("accessor {number} has no indices"));
        }
        self.elements(&checked, |n, bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            each(n, u32::from_le_bytes(word));
            Ok(())
        })
    }
}

fn component(kind: u32, normalized: bool, bytes: &[u8]) -> f32 {
    let (value, greatest) = match *bytes {
        [a] if kind == 5120 => (f32::from(a as i8), 127.0),
        [a] => (f32::from(a), 255.0),
        [a, b] if kind == 5122 => (f32::from(i16::from_le_bytes([a, b])), 32767.0),
        [a, b] => (f32::from(u16::from_le_bytes([a, b])), 65535.0),
        [a, b, c, d] if kind == 5126 => return f32::from_le_bytes([a, b, c, d]),
        [a, b, c, d] => return u32::from_le_bytes([a, b, c, d]) as f32,
        _ => return f32::NAN,
    };
    if normalized {
        (value / greatest).max(-1.0)
    } else {
        value
    }
}
