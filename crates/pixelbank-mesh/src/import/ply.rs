//! PLY: a header that says which elements follow and what each of them has, then those, as text or binary.

mod body;
mod header;

use body::Body;
use header::{Element, Header, Kind, Property};

use super::Job;
use super::indexed::into_mesh;
use super::polygon::Cutter;
use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit, malformed};
use crate::mesh::{Attributes, Mesh, Vec3};

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let limits = &job.options.limits;
    let header = Header::read(job.input, limits.max_header_bytes)?;
    let count = |name: &str| header.element(name).map_or(0, |element| element.count);
    let (n_vertices, n_faces) = (count("vertex"), count("face"));
    if header.element("vertex").is_none() {
        return malformed("it has no vertices");
    }
    if header.element("tristrips").is_some() && n_faces == 0 {
        return Err(Fault::Unsupported("triangle strips".to_owned()));
    }
    check_limit("vertices", n_vertices, limits.max_vertices)?;
    check_limit("faces", n_faces, limits.max_faces)?;
    check_room(&header, job.input.len())?;
    job.report.claimed_faces = Some(n_faces);
    // What will be held is reserved for a moment, so that what cannot fit fails before it is read.
    drop(
        job.books
            .reserve("loading", n_vertices * 12 + n_faces * 12)?,
    );

    let mut body = Body::new(job, &header)?;
    let mut vertices = None;
    let mut faces = Growing::new(job.books, "loading");
    let mut has_faces = false;
    for element in &header.elements {
        match element.name.as_str() {
            "vertex" if vertices.is_none() => {
                vertices = Some(read_vertices(job, &mut body, element)?);
            }
            "face" if !has_faces => {
                let Some((positions, _)) = &vertices else {
                    return Err(Fault::Unsupported("faces before vertices".to_owned()));
                };
                read_faces(job, &mut body, element, positions, &mut faces)?;
                has_faces = true;
            }
            _ => body.skip(element)?,
        }
    }
    drop(body);
    let Some((positions, attributes)) = vertices else {
        return malformed("it has no vertices");
    };
    let faces = faces.into_flat("mesh")?;
    let mut mesh = into_mesh(job.books, positions, faces, &mut job.report)?;
    mesh.attributes = attributes;
    Ok(mesh)
}

/// Refuses a header that claims more than the file can have.
fn check_room(header: &Header, len: u64) -> Result<(), Fault> {
    let room = len.saturating_sub(header.len);
    for element in &header.elements {
        let needed = element
            .count
            .saturating_mul(element.least_bytes(header.encoding));
        // The last value of a text needs nothing behind it.
        if needed > room.saturating_add(1) {
            return malformed(format!(
                "the header claims {} of '{}', which take {needed} bytes at least, of {room}",
                element.count, element.name
            ));
        }
    }
    Ok(())
}

/// What a property of a vertex is for.
#[derive(Clone, Copy)]
enum Use {
    Position(usize),
    Normal(usize),
    /// Which channel, and what its value of one or its greatest is.
    Colour(usize, f64),
    Texcoord(usize),
    Nothing,
}

fn use_of(property: &Property) -> Use {
    let Property::Scalar { name, kind } = property else {
        return Use::Nothing;
    };
    let greatest = match kind {
        Kind::F32 | Kind::F64 => 1.0,
        Kind::U16 => 65535.0,
        _ => 255.0,
    };
    match name.as_str() {
        "x" => Use::Position(0),
        "y" => Use::Position(1),
        "z" => Use::Position(2),
        "nx" => Use::Normal(0),
        "ny" => Use::Normal(1),
        "nz" => Use::Normal(2),
        "red" | "r" | "diffuse_red" => Use::Colour(0, greatest),
        "green" | "g" | "diffuse_green" => Use::Colour(1, greatest),
        "blue" | "b" | "diffuse_blue" => Use::Colour(2, greatest),
        "alpha" | "a" => Use::Colour(3, greatest),
        "s" | "u" | "texture_u" => Use::Texcoord(0),
        "t" | "v" | "texture_v" => Use::Texcoord(1),
        _ => Use::Nothing,
    }
}

fn read_vertices(
    job: &Job,
    body: &mut Body,
    element: &Element,
) -> Result<(Array<Vec3>, Attributes), Fault> {
    let uses: Vec<Use> = element.properties.iter().map(use_of).collect();
    let has = |wanted: fn(&Use) -> bool| uses.iter().filter(|found| wanted(found)).count();
    if has(|found| matches!(found, Use::Position(_))) != 3 {
        return malformed("its vertices have no x, y and z");
    }
    let n = element.count as usize;
    let keeps = job.options.attributes;
    let books = job.books;
    let mut positions = Array::<Vec3>::zeroed(books, "mesh", n)?;
    let mut attributes = Attributes::default();
    if keeps && has(|found| matches!(found, Use::Normal(_))) == 3 {
        attributes.normals = Some(Array::zeroed(books, "mesh", n)?);
    }
    if keeps && has(|found| matches!(found, Use::Colour(..))) >= 3 {
        attributes.colours = Some(Array::zeroed(books, "mesh", n)?);
    }
    if keeps && has(|found| matches!(found, Use::Texcoord(_))) == 2 {
        attributes.texcoords = Some(Array::zeroed(books, "mesh", n)?);
    }
    for vertex in 0..n {
        let (mut position, mut normal) = ([0.0; 3], [0.0; 3]);
        let (mut colour, mut texcoord) = ([0, 0, 0, 255], [0.0; 2]);
        for (property, used) in element.properties.iter().zip(&uses) {
            let Property::Scalar { kind, .. } = property else {
                body.skip_property(property)?;
                continue;
            };
            let value = body.value(*kind)?;
            match *used {
                Use::Position(axis) => position[axis] = value as f32,
                Use::Normal(axis) => normal[axis] = value as f32,
                Use::Colour(channel, greatest) => {
                    colour[channel] = (value / greatest * 255.0).round().clamp(0.0, 255.0) as u8;
                }
                Use::Texcoord(axis) => texcoord[axis] = value as f32,
                Use::Nothing => {}
            }
        }
        positions[vertex] = position;
        if let Some(normals) = &mut attributes.normals {
            normals[vertex] = normal;
        }
        if let Some(colours) = &mut attributes.colours {
            colours[vertex] = colour;
        }
        if let Some(texcoords) = &mut attributes.texcoords {
            texcoords[vertex] = texcoord;
        }
    }
    Ok((positions, attributes))
}

fn read_faces(
    job: &mut Job,
    body: &mut Body,
    element: &Element,
    positions: &[Vec3],
    faces: &mut Growing<[u32; 3]>,
) -> Result<(), Fault> {
    let is_corners = |property: &Property| matches!(property, Property::List { name, .. } if name == "vertex_indices" || name == "vertex_index");
    if element.count > 0 && !element.properties.iter().any(is_corners) {
        return malformed("its faces have no list of vertices");
    }
    let limits = &job.options.limits;
    let mut cutter = Cutter::new(job.books, limits.max_polygon_corners)?;
    let _paid = job
        .books
        .reserve("loading", u64::from(limits.max_polygon_corners) * 8)?;
    let mut polygon: Vec<u32> = Vec::new();
    for n_face in 0..element.count {
        for property in &element.properties {
            let Property::List { count, item, .. } = property else {
                body.skip_property(property)?;
                continue;
            };
            if !is_corners(property) {
                body.skip_property(property)?;
                continue;
            }
            let n = body.count(*count)?;
            check_limit(
                "corners of a polygon",
                n,
                u64::from(limits.max_polygon_corners),
            )?;
            polygon.clear();
            for _ in 0..n {
                let index = body.value(*item)?;
                if !(index >= 0.0 && index < positions.len() as f64) {
                    return malformed(format!(
                        "face {n_face} names vertex {index} of {}",
                        positions.len()
                    ));
                }
                polygon.push(index as u32);
            }
            let report = &mut job.report;
            if n < 3 {
                report.remark("faces of less than three corners were left out");
                continue;
            }
            report.found_faces += n - 2;
            report.n_polygons += u64::from(n > 3);
            cutter.cut(
                n as usize,
                |k| positions[polygon[k] as usize],
                |corners| {
                    check_limit("faces", faces.len() as u64 + 1, limits.max_faces)?;
                    Ok(faces.push(corners.map(|corner| polygon[corner]))?)
                },
            )?;
        }
    }
    if job.report.n_polygons > 0 {
        // Then the header counts polygons, and we count triangles.
        job.report.claimed_faces = None;
    }
    Ok(())
}
