//! A model's arrays as they lie in memory, for whoever draws it.
//!
//! Little-endian: the bytes `PBMESH1` and a zero; four numbers of 32 bits (vertices, faces, bytes of an index: 2 or 4,
//! and what vertices have beside positions: 1 for normals, 2 for colours, added up); then the arrays, one behind the
//! other: positions (3 floats), normals (3 floats), colours (4 bytes: red, green, blue, alpha), and last the indices,
//! three of each face. All lie at multiples of 4 bytes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http_body::{Frame, SizeHint};
use pixelbank_mesh::Indices;

use super::store::Held;
use crate::answer::NOSNIFF;

const MAGIC: &[u8; 8] = b"PBMESH1\0";
const HAS_NORMALS: u32 = 1;
const HAS_COLOURS: u32 = 2;

// The arrays are sent as they are.
const _: () = assert!(cfg!(target_endian = "little"));

/// Sends a model's arrays without a copy: each piece of the body keeps the model in use until it was sent.
pub(crate) fn respond(held: &Held) -> Response {
    let mesh = &held.mesh;
    let mut flags = 0;
    let mut arrays = vec![Array::Positions];
    if mesh.normals().is_some() {
        flags |= HAS_NORMALS;
        arrays.push(Array::Normals);
    }
    if mesh.colours().is_some() {
        flags |= HAS_COLOURS;
        arrays.push(Array::Colours);
    }
    arrays.push(Array::Indices);
    let index_bytes = match mesh.indices() {
        Indices::U16(_) => 2,
        Indices::U32(_) => 4,
    };
    let mut head = MAGIC.to_vec();
    for number in [mesh.n_vertices(), mesh.n_faces(), index_bytes, flags] {
        head.extend_from_slice(&number.to_le_bytes());
    }
    let mut pieces = VecDeque::from([Bytes::from(head)]);
    pieces.extend(arrays.into_iter().map(|array| {
        Bytes::from_owner(Piece {
            held: held.clone(),
            array,
        })
    }));
    let mut response = Response::new(axum::body::Body::new(Pieces(pieces)));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

#[derive(Clone, Copy)]
enum Array {
    Positions,
    Normals,
    Colours,
    Indices,
}

/// One array of a model that is in use.
struct Piece {
    held: Held,
    array: Array,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        let mesh = &self.held.mesh;
        match self.array {
            Array::Positions => bytemuck::cast_slice(mesh.positions()),
            Array::Normals => bytemuck::cast_slice(mesh.normals().unwrap_or_default()),
            Array::Colours => bytemuck::cast_slice(mesh.colours().unwrap_or_default()),
            Array::Indices => match mesh.indices() {
                Indices::U16(faces) => bytemuck::cast_slice(faces),
                Indices::U32(faces) => bytemuck::cast_slice(faces),
            },
        }
    }
}

/// A body of pieces that are at hand.
struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.get_mut()
                .0
                .pop_front()
                .map(|piece| Ok(Frame::data(piece))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
