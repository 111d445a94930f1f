//! Writing files.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::{Error, Format, Indices, Mesh};

impl Mesh {
    /// Writes a file, in the format that its name ends in: `.stl` (binary), `.ply` (binary) or `.glb`. What was there before
    /// is replaced once all is written, or stays as it is.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for other endings; [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let name = path.to_string_lossy();
        let format = match Format::of_path(path) {
            Some(format @ (Format::StlBinary | Format::Ply | Format::Glb)) => format,
            _ => {
                return Err(Error::BadRequest(format!(
                    "{name}: write a name that ends in .stl, .ply or .glb"
                )));
            }
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(Error::from_io(&name))?;
        let mut out = BufWriter::with_capacity(64 << 10, file.as_file_mut());
        let written = self.write(&mut out, format).and_then(|()| out.flush());
        drop(out);
        written.map_err(Error::from_io(&name))?;
        file.persist(path)
            .map_err(|error| Error::from_io(&name)(error.error))?;
        Ok(())
    }

    /// Writes to `out`, which should have a buffer, as binary STL, binary PLY or GLB. STL has room for positions alone; PLY
    /// and GLB keep what vertices have. Parts are not written.
    ///
    /// # Errors
    /// What `out` says; [`io::ErrorKind::Unsupported`] for other formats, and for GLB of 4 GiB and more.
    pub fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::StlBinary => self.write_stl(out),
            Format::Ply => self.write_ply(out),
            Format::Glb => self.write_glb(out),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{format} is not written"),
            )),
        }
    }

    fn write_stl(&self, out: &mut impl Write) -> io::Result<()> {
        // Anything but "solid", which some readers take for text.
        let mut header = [0; 80];
        header[..9].copy_from_slice(b"pixelbank");
        out.write_all(&header)?;
        out.write_all(&self.n_faces().to_le_bytes())?;
        for face in self.faces() {
            let mut record = [0; 50];
            let values = face
                .normal()
                .into_iter()
                .chain(face.points.into_iter().flatten());
            for (place, value) in record.chunks_exact_mut(4).zip(values) {
                place.copy_from_slice(&value.to_le_bytes());
            }
            out.write_all(&record)?;
        }
        Ok(())
    }

    fn write_ply(&self, out: &mut impl Write) -> io::Result<()> {
        let (normals, colours, texcoords) = (self.normals(), self.colours(), self.texcoords());
        let mut header = format!(
            "ply\nformat binary_little_endian 1.0\ncomment pixelbank\nelement vertex {}\n",
            self.n_vertices()
        );
        let mut properties = |kind: &str, names: &[&str]| {
            for name in names {
                header.push_str(&format!("property {kind} {name}\n"));
            }
        };
        properties("float", &["x", "y", "z"]);
        if normals.is_some() {
            properties("float", &["nx", "ny", "nz"]);
        }
        if texcoords.is_some() {
            properties("float", &["s", "t"]);
        }
        if colours.is_some() {
            properties("uchar", &["red", "green", "blue", "alpha"]);
        }
        header.push_str(&format!(
            "element face {}\nproperty list uchar uint vertex_indices\nend_header\n",
            self.n_faces()
        ));
        out.write_all(header.as_bytes())?;
        for (vertex, position) in self.positions().iter().enumerate() {
            write_floats(out, position)?;
            if let Some(normals) = normals {
                write_floats(out, &normals[vertex])?;
            }
            if let Some(texcoords) = texcoords {
                write_floats(out, &texcoords[vertex])?;
            }
            if let Some(colours) = colours {
                out.write_all(&colours[vertex])?;
            }
        }
        for face in self.indices().iter() {
            let mut record = [3; 13];
            for (place, index) in record[1..].chunks_exact_mut(4).zip(face) {
                place.copy_from_slice(&index.to_le_bytes());
            }
            out.write_all(&record)?;
        }
        Ok(())
    }

    fn write_glb(&self, out: &mut impl Write) -> io::Result<()> {
        // One view and one accessor for each array, in this order.
        let mut views = Vec::new();
        let mut accessors = Vec::new();
        let mut at = 0u64;
        let mut add = |len: u64, target: u32, accessor: serde_json::Value| {
            views.push(serde_json::json!({
                "buffer": 0, "byteOffset": at, "byteLength": len, "target": target
            }));
            at += len.next_multiple_of(4);
            let mut accessor = accessor;
            accessor["bufferView"] = serde_json::json!(accessors.len());
            accessors.push(accessor);
            accessors.len() - 1
        };
        const VERTICES: u32 = 34962;
        const INDICES: u32 = 34963;
        const FLOAT: u32 = 5126;
        let n = u64::from(self.n_vertices());
        let mut attributes = serde_json::Map::new();
        let mut primitives = Vec::new();
        if let (Some(bounds), false) = (self.bounds(), self.is_empty()) {
            let position = serde_json::json!({
                "componentType": FLOAT, "count": n, "type": "VEC3", "min": bounds.min, "max": bounds.max
            });
            attributes.insert(
                "POSITION".to_owned(),
                add(n * 12, VERTICES, position).into(),
            );
            if self.normals().is_some() {
                let normal =
                    serde_json::json!({ "componentType": FLOAT, "count": n, "type": "VEC3" });
                attributes.insert("NORMAL".to_owned(), add(n * 12, VERTICES, normal).into());
            }
            if self.texcoords().is_some() {
                let texcoord =
                    serde_json::json!({ "componentType": FLOAT, "count": n, "type": "VEC2" });
                attributes.insert(
                    "TEXCOORD_0".to_owned(),
                    add(n * 8, VERTICES, texcoord).into(),
                );
            }
            if self.colours().is_some() {
                let colour = serde_json::json!({
                    "componentType": 5121, "normalized": true, "count": n, "type": "VEC4"
                });
                attributes.insert("COLOR_0".to_owned(), add(n * 4, VERTICES, colour).into());
            }
            let n_corners = 3 * u64::from(self.n_faces());
            let (kind, bytes) = match self.indices() {
                Indices::U16(_) => (5123, 2),
                Indices::U32(_) => (5125, 4),
            };
            let indices =
                serde_json::json!({ "componentType": kind, "count": n_corners, "type": "SCALAR" });
            let indices = add(n_corners * bytes, INDICES, indices);
            primitives.push(serde_json::json!({ "attributes": attributes, "indices": indices }));
        }
        let mut document = serde_json::json!({
            "asset": { "version": "2.0", "generator": "pixelbank" },
            "scene": 0,
            "scenes": [{}],
        });
        if !primitives.is_empty() {
            document["scenes"] = serde_json::json!([{ "nodes": [0] }]);
            document["nodes"] = serde_json::json!([{ "mesh": 0 }]);
            document["meshes"] = serde_json::json!([{ "primitives": primitives }]);
            document["accessors"] = accessors.into();
            document["bufferViews"] = views.into();
            document["buffers"] = serde_json::json!([{ "byteLength": at }]);
        }
        let mut json = serde_json::to_vec(&document)?;
        json.resize(json.len().next_multiple_of(4), b' ');
        let len = 12 + 8 + json.len() as u64 + if at > 0 { 8 + at } else { 0 };
        let word = |value: u64| {
            u32::try_from(value).map(u32::to_le_bytes).map_err(|_| {
                io::Error::new(
                    io::ErrorKind::Unsupported,
                    "GLB files end at 4 GiB: write PLY",
                )
            })
        };
        out.write_all(b"glTF\x02\0\0\0")?;
        out.write_all(&word(len)?)?;
        out.write_all(&word(json.len() as u64)?)?;
        out.write_all(b"JSON")?;
        out.write_all(&json)?;
        if at == 0 {
            return Ok(());
        }
        out.write_all(&word(at)?)?;
        out.write_all(b"BIN\0")?;
        write_all(out, self.positions(), |value| value.map(f32::to_le_bytes))?;
        if let Some(normals) = self.normals() {
            write_all(out, normals, |value| value.map(f32::to_le_bytes))?;
        }
        if let Some(texcoords) = self.texcoords() {
            write_all(out, texcoords, |value| value.map(f32::to_le_bytes))?;
        }
        if let Some(colours) = self.colours() {
            write_all(out, colours, |value| [value])?;
        }
        match self.indices() {
            Indices::U16(faces) => {
                write_all(out, faces, |face| face.map(u16::to_le_bytes))?;
                // To a multiple of four.
                out.write_all(&[0; 2][..faces.len() % 2 * 2])
            }
            Indices::U32(faces) => write_all(out, faces, |face| face.map(u32::to_le_bytes)),
        }
    }
}

fn write_floats(out: &mut impl Write, values: &[f32]) -> io::Result<()> {
    values
        .iter()
        .try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

fn write_all<T: Copy, const N: usize, const M: usize>(
    out: &mut impl Write,
    values: &[T],
    bytes: impl Fn(T) -> [[u8; M]; N],
) -> io::Result<()> {
    values
        .iter()
        .try_for_each(|value| out.write_all(bytes(*value).as_flattened()))
}
