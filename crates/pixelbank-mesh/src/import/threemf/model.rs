use super::archive::{Archive, normal};
use super::{Key, Object, Resources};
use crate::Transform;
use crate::error::{Fault, check_limit, malformed};
use crate::import::text::number;
use crate::import::xml::Tag;

/// An object within another, placed.
pub(super) struct Component {
    pub(super) key: Key,
    pub(super) place: Transform,
}

/// An object that is to be made, placed.
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) place: Transform,
}

/// What a model file says beside its objects.
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) unit: Option<&'static str>,
}

/// Reads file number `n_file` of `files`, and adds those that it names.
pub(super) fn read(
    archive: &mut Archive,
    n_file: usize,
    files: &mut Vec<String>,
    resources: &mut Resources,
) -> Result<Found, Fault> {
    let mut found = Found {
        items: Vec::new(),
        unit: None,
    };
    let mut object: Option<(Key, Object)> = None;
    let name = files[n_file].clone();
    archive.xml(&name, |tag| {
        match tag.name() {
            "vertex" => {
                let mut position = [f32::NAN; 3];
                tag.attributes(|key, value| {
                    let axis = match key {
                        "x" => 0,
                        "y" => 1,
                        "z" => 2,
                        _ => return Ok(()),
                    };
                    position[axis] = match number(value.trim().as_bytes()) {
                        Some(value) => value,
                        None => return malformed(format!("'{value}' is no coordinate")),
                    };
                    Ok(())
                })?;
                let n = resources.positions.len() as u64 + 1;
                check_limit("vertices", n, resources.max_vertices)?;
                resources.positions.push(position)?;
            }
            "triangle" => {
                let mut corners = [None; 3];
                tag.attributes(|key, value| {
                    let corner = match key {
                        "v1" => 0,
                        "v2" => 1,
                        "v3" => 2,
                        _ => return Ok(()),
                    };
                    corners[corner] = value.trim().parse::<u32>().ok();
                    Ok(())
                })?;
                let [Some(a), Some(b), Some(c)] = corners else {
                    return malformed("a triangle without three vertices");
                };
                check_limit(
                    "faces",
                    resources.faces.len() as u64 + 1,
                    resources.max_faces,
                )?;
                resources.faces.push([a, b, c])?;
            }
            "model" => {
                found.unit = Some(match tag.attribute("unit")?.as_deref() {
                    Some("micron") => "micrometre",
                    Some("centimeter") => "centimetre",
                    Some("inch") => "inch",
                    Some("foot") => "foot",
                    Some("meter") => "metre",
                    _ => "millimetre",
                });
            }
            "object" => {
                let key = (n_file, id(tag, "id")?);
                let name = tag.attribute("name")?.unwrap_or_default();
                let name = crate::mesh::shortened(&name, crate::mesh::MAX_NAME_BYTES).to_owned();
                let bytes = 4 * size_of::<(Key, Object)>() + name.capacity();
                resources.pay(resources.objects.len(), bytes)?;
                object = Some((
                    key,
                    Object {
                        name,
                        first_vertex: resources.positions.len(),
                        first_face: resources.faces.len(),
                        ..Object::default()
                    },
                ));
            }
            "component" => {
                let place = transform(tag)?;
                let key = (file(tag, n_file, files, resources)?, id(tag, "objectid")?);
                if let Some((_, object)) = &mut object {
                    resources.pay(object.components.len(), 2 * size_of::<Component>())?;
                    object.components.push(Component { key, place });
                }
            }
            "item" => {
                resources.pay(found.items.len(), 2 * size_of::<Item>())?;
                let place = transform(tag)?;
                let key = (file(tag, n_file, files, resources)?, id(tag, "objectid")?);
                found.items.push(Item { key, place });
            }
            _ => {}
        }
        if tag.ended() == "object"
            && let Some((key, mut object)) = object.take()
        {
            object.n_vertices = resources.positions.len() - object.first_vertex;
            object.n_faces = resources.faces.len() - object.first_face;
            if resources.objects.insert(key, object).is_some() {
                return malformed(format!("it has object {} twice", key.1));
            }
        }
        Ok(())
    })?;
    Ok(found)
}

fn id(tag: &Tag, attribute: &str) -> Result<u64, Fault> {
    match tag
        .attribute(attribute)?
        .and_then(|id| id.trim().parse().ok())
    {
        Some(id) => Ok(id),
        None => malformed(format!(
            "'{}' without a number for '{attribute}'",
            tag.name()
        )),
    }
}

/// The number of the file that has the object which is named here.
fn file(
    tag: &Tag,
    n_file: usize,
    files: &mut Vec<String>,
    resources: &mut Resources,
) -> Result<usize, Fault> {
    let Some(path) = tag.attribute("path")? else {
        return Ok(n_file);
    };
    let path = normal(&path);
    if let Some(known) = files.iter().position(|file| *file == path) {
        return Ok(known);
    }
    // Each is looked for in the list that comes so far.
    check_limit("model files", files.len() as u64 + 1, MAX_FILES)?;
    resources.pay(files.len(), 2 * size_of::<String>() + path.capacity())?;
    files.push(path);
    Ok(files.len() - 1)
}

/// The most model files in an archive.
const MAX_FILES: u64 = 256;

/// Twelve numbers, the images of the axes and the offset: rows of a matrix that points are multiplied with from the left.
fn transform(tag: &Tag) -> Result<Transform, Fault> {
    let Some(text) = tag.attribute("transform")? else {
        return Ok(Transform::IDENTITY);
    };
    let mut values = [0.0; 12];
    let mut words = text.split_ascii_whitespace();
    for value in &mut values {
        let word = words.next().and_then(|word| word.parse::<f64>().ok());
        *value = match word.filter(|value| value.is_finite()) {
            Some(value) => value,
            None => return malformed(format!("'{text}' is no transformation")),
        };
    }
    let row = |axis: usize| [values[axis], values[3 + axis], values[6 + axis]];
    Ok(Transform {
        linear: [row(0), row(1), row(2)],
        offset: [values[9], values[10], values[11]],
    })
}
