//! XMP (ISO 16684-1): RDF in XML. A property stands as an attribute of an `rdf:Description`, or as an element in it,
//! with plain text or with a list of `rdf:li`.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::date::{Candidates, Source, from_xmp};
use super::exif::position;
use super::{Group, Location, MAX_VALUE_BYTES, Metadata};

/// Bytes of a packet that are looked at. Longer ones hold previews and editing histories behind the properties.
const MAX_PACKET_BYTES: usize = 4 << 20;

/// How deep elements may lie; lists in descriptions in RDF take six.
const MAX_DEPTH: usize = 32;

/// Properties that are taken.
const MAX_PROPERTIES: usize = 400;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const XMP: &str = "http://ns.adobe.com/xap/1.0/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const EXIF_EX: &str = "http://cipa.jp/exif/1.0/";
const AUX: &str = "http://ns.adobe.com/exif/1.0/aux/";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const IPTC: &str = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/";

/// A property under way: where it began, and its value so far.
struct Property {
    depth: usize,
    namespace: String,
    name: String,
    /// The texts of its `rdf:li`.
    items: Vec<String>,
    /// Whether its list is of one value in several languages.
    is_alternative: bool,
    text: String,
}

pub(super) fn read(packet: &[u8], metadata: &mut Metadata, dates: &mut Candidates) {
    let packet = &packet[..packet.len().min(MAX_PACKET_BYTES)];
    let packet = match std::str::from_utf8(packet) {
        Ok(packet) => packet,
        Err(error) => std::str::from_utf8(&packet[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut found = Found::default();
    // What was read before an error counts.
    found.read(packet);
    found.say(metadata, dates);
}

/// The properties of a packet.
#[derive(Default)]
struct Found(Vec<(String, String, String)>);

impl Found {
    fn read(&mut self, packet: &str) -> Option<()> {
        let mut reader = NsReader::from_str(packet);
        // For every open element, whether it is an rdf:Description.
        let mut open: Vec<bool> = Vec::new();
        let mut property: Option<Property> = None;
        while self.0.len() < MAX_PROPERTIES {
            let (namespace, event) = reader.read_resolved_event().ok()?;
            let namespace = match namespace {
                ResolveResult::Bound(namespace) => namespace.0.to_owned(),
                _ => String::new(),
            };
            match event {
                Event::Start(start) => {
                    if open.len() >= MAX_DEPTH {
                        return None;
                    }
                    let in_description = open.last().copied().unwrap_or(false);
                    self.open(
                        &reader,
                        &namespace,
                        &start,
                        in_description,
                        open.len(),
                        &mut property,
                    );
                    open.push(is_description(&namespace, &start));
                }
                Event::Empty(start) if property.is_none() && is_description(&namespace, &start) => {
                    self.attributes(&reader, &start);
                }
                Event::End(end) => {
                    open.pop()?;
                    let Some(current) = &mut property else {
                        continue;
                    };
                    if open.len() == current.depth {
                        let done = property.take()?;
                        self.close(done);
                    } else if namespace == RDF && end.local_name().as_ref() == "li" {
                        let item = std::mem::take(&mut current.text);
                        let size: usize = current.items.iter().map(String::len).sum();
                        if size + item.len() < MAX_VALUE_BYTES && current.items.len() < 1000 {
                            current.items.push(item.trim().to_owned());
                        }
                    }
                }
                Event::Text(text) => append(&mut property, &text.xml10_content()),
                Event::CData(text) => append(&mut property, &text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let name = reference.into_inner();
                    let entity = match quick_xml::escape::unescape(&format!("&{name};")) {
                        Ok(text) => text.into_owned(),
                        Err(_) => continue,
                    };
                    append(&mut property, &entity);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Some(())
    }

    fn open(
        &mut self,
        reader: &NsReader<&[u8]>,
        namespace: &str,
        start: &BytesStart<'_>,
        in_description: bool,
        depth: usize,
        property: &mut Option<Property>,
    ) {
        match property {
            Some(current) if namespace == RDF => match start.local_name().as_ref() {
                "Alt" => current.is_alternative = true,
                "li" => current.text.clear(),
                _ => {}
            },
            Some(_) => {}
            None if is_description(namespace, start) => self.attributes(reader, start),
            None if in_description => {
                *property = Some(Property {
                    depth,
                    namespace: namespace.to_owned(),
                    name: start.local_name().as_ref().to_owned(),
                    items: Vec::new(),
                    is_alternative: false,
                    text: String::new(),
                });
            }
            None => {}
        }
    }

    fn close(&mut self, property: Property) {
        let value = match property.items.len() {
            0 => property.text.trim().to_owned(),
            // The first is the default language.
            _ if property.is_alternative => property.items[0].clone(),
            _ => property.items.join(", "),
        };
        self.0.push((property.namespace, property.name, value));
    }

    fn attributes(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) {
        for attribute in start.attributes().with_checks(false).flatten() {
            if self.0.len() >= MAX_PROPERTIES {
                return;
            }
            let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
            let ResolveResult::Bound(namespace) = namespace else {
                continue;
            };
            if attribute.value.len() > MAX_VALUE_BYTES {
                continue;
            }
            if let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) {
                self.0.push((
                    namespace.0.to_owned(),
                    name.as_ref().to_owned(),
                    value.into_owned(),
                ));
            }
        }
    }

    fn get(&self, namespace: &str, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(space, local, value)| space == namespace && local == name && !value.is_empty())
            .map(|(.., value)| value.as_str())
    }

    fn say(&self, metadata: &mut Metadata, dates: &mut Candidates) {
        for (namespace, name, group, shown) in [
            (DC, "title", Group::Description, "Title"),
            (PHOTOSHOP, "Headline", Group::Description, "Headline"),
            (DC, "description", Group::Description, "Caption"),
            (DC, "subject", Group::Description, "Keywords"),
            (DC, "creator", Group::Description, "Creator"),
            (DC, "rights", Group::Description, "Copyright"),
            (PHOTOSHOP, "Credit", Group::Description, "Credit"),
            (PHOTOSHOP, "Source", Group::Description, "Source"),
            (XMP, "Label", Group::Description, "Label"),
            (IPTC, "Location", Group::Place, "Location"),
            (PHOTOSHOP, "City", Group::Place, "City"),
            (PHOTOSHOP, "State", Group::Place, "Province or state"),
            (PHOTOSHOP, "Country", Group::Place, "Country"),
            (TIFF, "Make", Group::Camera, "Make"),
            (TIFF, "Model", Group::Camera, "Model"),
            (AUX, "Lens", Group::Lens, "Lens"),
            (EXIF_EX, "LensModel", Group::Lens, "Lens"),
            (XMP, "CreatorTool", Group::Image, "Software"),
        ] {
            if let Some(value) = self.get(namespace, name) {
                metadata.add(group, shown, value);
            }
        }
        if let Some(stars) = self
            .get(XMP, "Rating")
            .and_then(|value| value.trim().parse::<f64>().ok())
        {
            let value = match stars {
                stars if stars < 0.0 => "rejected".to_owned(),
                stars => format!("{:.0} of 5", stars.clamp(0.0, 5.0)),
            };
            if stars != 0.0 {
                metadata.add(Group::Description, "Rating", value);
            }
        }
        let lens = self.get(AUX, "Lens").or(self.get(EXIF_EX, "LensModel"));
        if let (None, Some(lens)) = (&metadata.lens, lens) {
            metadata.lens = Some(super::clean(lens));
        }
        if metadata.location.is_none()
            && let Some(latitude) = self
                .get(EXIF, "GPSLatitude")
                .and_then(|value| degrees(value, 90.0))
            && let Some(longitude) = self
                .get(EXIF, "GPSLongitude")
                .and_then(|value| degrees(value, 180.0))
        {
            metadata.location = Some(Location {
                latitude,
                longitude,
                altitude_m: None,
            });
            metadata.add(Group::Place, "Position", position(latitude, longitude));
        }
        for (source, namespace, name) in [
            (Source::XmpOriginal, EXIF, "DateTimeOriginal"),
            (Source::Created, PHOTOSHOP, "DateCreated"),
            (Source::XmpCreated, XMP, "CreateDate"),
        ] {
            dates.offer(source, self.get(namespace, name).and_then(from_xmp));
        }
    }
}

fn is_description(namespace: &str, start: &BytesStart<'_>) -> bool {
    namespace == RDF && start.local_name().as_ref() == "Description"
}

fn append(property: &mut Option<Property>, text: &str) {
    if let Some(property) = property
        && property.text.len() + text.len() <= MAX_VALUE_BYTES
    {
        property.text.push_str(text);
    }
}

/// `54,7.404N` (degrees and minutes) or `54,7,24N`.
fn degrees(value: &str, limit: f64) -> Option<f64> {
    let value = value.trim();
    let (numbers, side) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let mut parts = numbers.split(',').map(|part| part.trim().parse::<f64>());
    let mut sum = parts.next()?.ok()?;
    for scale in [60.0, 3600.0] {
        if let Some(part) = parts.next() {
            sum += part.ok()? / scale;
        }
    }
    let sum = match side {
        "N" | "E" => sum,
        "S" | "W" => -sum,
        _ => return None,
    };
    (sum.abs() <= limit).then_some(sum)
}
