//! Drawings read as polylines, against what other readers find, and what they must not do to us.

use std::path::Path;

use pixelbank_mesh::{
    Books, Error, Input, Layer, Limits, OutlineOptions, OutlineReport, Polylines, load_outlines,
    read_outlines, write_dxf, write_svg,
};

use crate::shapes::{books, live_bytes, mesh, peak_bytes, sphere};

const ROOM: u64 = 8 << 20;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outlines"))
}

/// Lines as they are in the file, none joined.
fn apart(tolerance: f32) -> OutlineOptions {
    OutlineOptions {
        tolerance,
        joining: None,
        ..OutlineOptions::default()
    }
}

fn parse(
    books: &Books,
    name: &str,
    bytes: impl AsRef<[u8]>,
    options: &OutlineOptions,
) -> Result<(Polylines, OutlineReport), Error> {
    read_outlines(&Input::memory(bytes.as_ref().into(), name), books, options)
}

/// A DXF of these entities, pairs split by spaces.
fn dxf(blocks: &str, entities: &str) -> String {
    let section = |name: &str, body: &str| format!("0 SECTION 2 {name} {body} 0 ENDSEC ");
    let text = section("BLOCKS", blocks) + &section("ENTITIES", entities) + "0 EOF";
    text.split_ascii_whitespace()
        .map(|word| format!("{word}\n"))
        .collect()
}

fn svg(body: &str) -> String {
    format!("<svg xmlns='http://www.w3.org/2000/svg'>{body}</svg>")
}

fn shown(lines: &Polylines) -> Vec<(Vec<[f32; 2]>, bool)> {
    lines
        .iter()
        .map(|line| (line.points.to_vec(), line.is_closed))
        .collect()
}

type Line = Vec<[f64; 2]>;

fn distance(point: [f64; 2], line: &Line) -> f64 {
    let to_segment = |ends: &[[f64; 2]]| {
        let [a, b] = [ends[0], ends[1]];
        let along = [b[0] - a[0], b[1] - a[1]];
        let apart = [point[0] - a[0], point[1] - a[1]];
        let length_squared = along[0].powi(2) + along[1].powi(2);
        let part = (apart[0] * along[0] + apart[1] * along[1]) / length_squared.max(1e-300);
        let part = part.clamp(0.0, 1.0);
        (apart[0] - along[0] * part).hypot(apart[1] - along[1] * part)
    };
    line.windows(2)
        .map(to_segment)
        .fold(f64::INFINITY, f64::min)
}

/// How far the one is from the other at most.
fn furthest(from: &Line, to: &Line) -> f64 {
    from.iter()
        .map(|point| distance(*point, to))
        .fold(0.0, f64::max)
}

/// Each line of ours must be one of the others' lines, and the other way round. `coarse` is how far the others' points may be
/// from what they say.
fn agrees(name: &str, coarse: f64, n_left_out: usize) {
    let tolerance = 0.01;
    let books = books(ROOM);
    let (found, report) = load_outlines(&folder().join(name), &books, &apart(tolerance)).unwrap();
    let expected = folder().join(name.replace('.', "-") + ".json");
    let expected: Vec<Line> = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    assert_eq!(report.found_lines, expected.len() as u64);
    assert_eq!(found.len(), expected.len());
    assert_eq!(report.left_out.len(), n_left_out, "{:?}", report.left_out);
    let mut ours: Vec<Line> = found
        .iter()
        .map(|line| {
            let closing = line.points.first().filter(|_| line.is_closed);
            line.points
                .iter()
                .chain(closing)
                .map(|point| point.map(f64::from))
                .collect()
        })
        .collect();
    let near = f64::from(tolerance) + 0.002;
    for (n, line) in expected.iter().enumerate() {
        let same = ours
            .iter()
            .position(|ours| furthest(line, ours) <= near && furthest(ours, line) <= coarse);
        let Some(same) = same else {
            panic!(
                "{name}: nothing is like line {n}, from {:?} to {:?}",
                line.first(),
                line.last()
            );
        };
        ours.swap_remove(same);
    }
    assert_eq!(live_bytes(&books), found.nbytes());
}

#[test]
fn dxf_is_read_as_others_read_it() {
    agrees("shapes.dxf", 0.03, 1);
}

#[test]
fn svg_is_read_as_others_read_it() {
    agrees("shapes.svg", 0.06, 1);
}

#[test]
fn the_unit_is_told_where_the_file_says_it() {
    let books = books(ROOM);
    let unit = |name: &str| {
        load_outlines(&folder().join(name), &books, &apart(1.0))
            .unwrap()
            .1
            .unit_mm
    };
    assert_eq!(unit("shapes.dxf"), Some(1.0));
    assert_eq!(unit("shapes.svg"), Some(0.5));
    let (_, report) = parse(&books, "a.svg", svg("<path d='M0 0L1 1'/>"), &apart(1.0)).unwrap();
    assert_eq!(report.unit_mm, None);
}

#[test]
fn slices_come_back_as_they_were_written() {
    let books = books(ROOM);
    let ball = mesh(&books, &sphere(12, 5.0));
    let slice = ball.slice(1.25).unwrap();
    let layers = [Layer {
        name: "z1.25 & more",
        height: 1.25,
        lines: slice.lines(),
    }];
    for name in ["a.svg", "a.dxf"] {
        let mut bytes = Vec::new();
        if name == "a.svg" {
            write_svg(&mut bytes, &layers, None).unwrap();
        } else {
            write_dxf(&mut bytes, &layers).unwrap();
        }
        for options in [apart(0.01), OutlineOptions::default()] {
            let (lines, report) = parse(&books, name, &bytes, &options).unwrap();
            assert_eq!(shown(&lines), shown(slice.lines()), "{name}");
            assert!(report.left_out.is_empty());
        }
    }
}

#[test]
fn lines_whose_ends_meet_become_one() {
    let books = books(ROOM);
    // Three sides of a square in either direction, with ends a bit apart; a line elsewhere; a closed one that touches.
    let body =
        "<path d='M0 0L4 0'/><path d='M4 4L4.0005 0'/><path d='M4 4L0 4'/><path d='M9 9L10 10'/>
        <path d='M4 4L6 4L6 6Z'/>";
    let far = OutlineOptions {
        joining: Some(0.0001),
        ..OutlineOptions::default()
    };
    for (options, n) in [(OutlineOptions::default(), 3), (far, 4), (apart(0.01), 5)] {
        let (lines, report) = parse(&books, "a.svg", svg(body), &options).unwrap();
        assert_eq!((lines.len(), report.found_lines), (n, 5));
    }
    let (lines, _) = parse(&books, "a.svg", svg(body), &OutlineOptions::default()).unwrap();
    let longest = lines.iter().find(|line| line.points.len() == 4).unwrap();
    assert!(!longest.is_closed && (longest.length() - 12.0).abs() < 0.01);
    // With the last side it is closed.
    let body = format!("{body}<path d='M0 0L0 4'/>");
    let (lines, _) = parse(&books, "a.svg", svg(&body), &OutlineOptions::default()).unwrap();
    let square = lines.iter().find(|line| line.points.len() == 4).unwrap();
    assert!(square.is_closed && (square.area().abs() - 16.0).abs() < 0.01);
}

#[test]
fn finer_takes_more_points_and_the_limit_is_kept() {
    let books = books(ROOM);
    let circle = dxf("", "0 CIRCLE 10 0 20 0 40 100");
    let mut last = 0;
    for tolerance in [10.0, 0.1, 0.001] {
        let (lines, _) = parse(&books, "a.dxf", &circle, &apart(tolerance)).unwrap();
        let line = lines.iter().next().unwrap();
        assert!(line.is_closed && line.points.len() > last);
        last = line.points.len();
        // The area between a circle and the polygon in it is less than two thirds of the tolerance times the length.
        let missing = std::f64::consts::PI * 1e4 - line.area();
        assert!(missing > 0.0 && missing < f64::from(tolerance) * 628.4);
    }
    let few = OutlineOptions {
        limits: Limits {
            max_vertices: 100,
            ..Limits::default()
        },
        ..apart(0.001)
    };
    let error = parse(&books, "a.dxf", &circle, &few).unwrap_err();
    assert!(
        matches!(error, Error::LimitExceeded { limit: 100, .. }),
        "{error}"
    );
    for (tolerance, joining) in [
        (0.0, None),
        (f32::NAN, None),
        (1.0, Some(0.0)),
        (1.0, Some(f32::INFINITY)),
    ] {
        let options = OutlineOptions {
            tolerance,
            joining,
            ..OutlineOptions::default()
        };
        let error = parse(&books, "a.dxf", &circle, &options).unwrap_err();
        assert!(matches!(error, Error::BadRequest(_)));
    }
}

#[test]
fn blocks_that_place_each_other_over_and_over_are_refused() {
    let books = books(ROOM);
    // Ten of the next, ten times: 10¹⁰ lines.
    let mut blocks = String::new();
    for k in 0..10 {
        let insert = format!("0 INSERT 2 B{} 10 1 20 1 ", k + 1).repeat(10);
        blocks += &format!("0 BLOCK 2 B{k} {insert} 0 ENDBLK ");
    }
    blocks += "0 BLOCK 2 B10 0 LINE 10 0 20 0 11 1 21 1 0 ENDBLK";
    let circle = "0 BLOCK 2 B0 0 INSERT 2 B0 0 ENDBLK";
    let few = OutlineOptions {
        limits: Limits {
            max_parts: 2000,
            ..Limits::default()
        },
        ..apart(0.1)
    };
    let error = parse(&books, "a.dxf", dxf(&blocks, "0 INSERT 2 B0"), &few).unwrap_err();
    assert!(
        matches!(error, Error::LimitExceeded { limit: 2000, .. }),
        "{error}"
    );
    let again = OutlineOptions {
        limits: Limits {
            max_inflated_bytes: 5000,
            ..Limits::default()
        },
        ..apart(0.1)
    };
    let error = parse(&books, "a.dxf", dxf(&blocks, "0 INSERT 2 B0"), &again).unwrap_err();
    assert!(
        error.to_string().contains("bytes of blocks exceed"),
        "{error}"
    );
    let error = parse(&books, "a.dxf", dxf(circle, "0 INSERT 2 B0"), &apart(0.1)).unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");
    // One that is not there is told.
    let (lines, report) = parse(&books, "a.dxf", dxf("", "0 INSERT 2 B0"), &apart(0.1)).unwrap();
    assert!(lines.is_empty() && report.left_out.len() == 1);
    assert_eq!(live_bytes(&books), lines.nbytes());
}

#[test]
fn what_is_no_drawing_costs_an_error_and_nothing_else() {
    let deep = "<g>".repeat(1000);
    let digits = "9".repeat(400);
    let spline = |rest: &str| dxf("", &format!("0 SPLINE 71 3 {rest}"));
    let points = "10 0 20 0 10 1 20 1 10 2 20 0 10 3 20 1";
    let cases = [
        ("a.svg", String::new(), "no element"),
        ("a.svg", "<svg".into(), "SVG"),
        ("a.svg", "<svg><g></svg>".into(), "g"),
        ("a.svg", svg("<path d='M0 0 L5'/>"), "path"),
        ("a.svg", svg("<path d='M0 0 L1e99 0'/>"), "coordinate"),
        (
            "a.svg",
            svg(&format!("<path d='M0 0 C{digits} 0 1 1 2 2'/>")),
            "'path'",
        ),
        ("a.svg", svg("<circle r='five'/>"), "no length"),
        ("a.svg", svg("<circle r='5%'/>"), "5%"),
        (
            "a.svg",
            svg("<circle r='1e38' cx='3e38'/>"),
            "points exceed",
        ),
        ("a.svg", svg("<g transform='spin(5)'/>"), "transformation"),
        (
            "a.svg",
            svg("<g transform='scale(1e300)'><circle r='1e300'/></g>"),
            "none",
        ),
        ("a.svg", svg(&deep), "nested"),
        ("a.dxf", "0\nHELLO\n0\nEOF\n".into(), "no section"),
        ("a.dxf", "0\nSECTION\n2\nENTITIES\nLINE\n0\n".into(), "code"),
        ("a.dxf", dxf("", "0 LINE 10 x"), "no number"),
        ("a.dxf", dxf("", "0 LINE 10 1e400"), "no number"),
        (
            "a.dxf",
            dxf("", "0 LINE 10 0 20 0 11 1e300 21 0"),
            "coordinate",
        ),
        ("a.dxf", dxf("", "0 CIRCLE 10 0 20 0 40 1e308"), "arc"),
        (
            "a.dxf",
            dxf("", "0 CIRCLE 10 0 20 0 40 1e30"),
            "points exceed",
        ),
        (
            "a.dxf",
            dxf("", "0 LWPOLYLINE 10 0 20 0 42 1e-320 10 1 20 1"),
            "bulge",
        ),
        ("a.dxf", spline(points), "0 knots"),
        (
            "a.dxf",
            spline(&format!("{points} 40 0 40 1 40 2 40 1 40 4 40 5 40 6 40 7")),
            "ascend",
        ),
        (
            "a.dxf",
            spline(&format!(
                "{points} 40 0 40 0 40 0 40 0 40 1 40 1 40 1 40 1 41 1 41 0 41 1 41 -1"
            )),
            "weight",
        ),
        (
            "a.dxf",
            dxf("", &format!("0 SPLINE 71 99 {points}")),
            "degree",
        ),
        ("a.dxf", "AutoCAD Binary DXF\r\n\x1a\0".into(), "binary"),
        (
            "a.dxf",
            format!("0\nSECTION\n2\n{}", "x".repeat(1 << 20)),
            "longer",
        ),
        ("a.stl", "solid".into(), "known format"),
    ];
    for (name, text, word) in cases {
        let books = books(ROOM);
        let error = parse(&books, name, &text, &apart(0.01))
            .unwrap_err()
            .to_string();
        let start = &text[..text.len().min(80)];
        assert!(
            error.starts_with(name) && error.contains(word),
            "{start}: {error}"
        );
        assert_eq!(live_bytes(&books), 0);
        assert!(peak_bytes(&books) <= ROOM);
    }
}

#[test]
fn paths_of_many_kinds_draw_nothing_that_is_not_there() {
    let books = books(ROOM);
    for (body, n) in [
        ("<path/>", 0),
        ("<path d=''/>", 0),
        ("<path d='M1 1'/>", 0),
        ("<path d='M1 1Z'/>", 0),
        ("<path d='M1 1 A 0 5 0 0 1 2 2'/>", 1),
        ("<path d='M1 1 A 5 5 0 0 1 1 1'/>", 0),
        ("<path d='M1 1 A 1e-300 1e-300 0 0 1 2 2'/>", 1),
        ("<circle r='0'/><ellipse rx='2'/><rect width='5'/>", 1),
        ("<rect width='5' height='2' rx='9'/>", 1),
        ("<polygon points='0 0 1 1 2'/>", 1),
        ("<symbol><line x2='5'/></symbol><line x2='5'/>", 1),
    ] {
        let (lines, _) = parse(&books, "a.svg", svg(body), &apart(0.01)).unwrap();
        assert_eq!(lines.len(), n, "{body}");
    }
    // An arc whose ends are too far apart for its radii grows, as SVG has it.
    let (lines, _) = parse(
        &books,
        "a.svg",
        svg("<path d='M0 0 A 1 1 0 0 1 10 0'/>"),
        &apart(0.01),
    )
    .unwrap();
    let [_, max] = lines.bounds().unwrap();
    assert!((max[1] - 5.0).abs() < 0.01, "{max:?}");
}

#[test]
fn a_drawing_larger_than_the_budget_is_refused() {
    let books = books(400 << 10);
    let lines: String = (0..20_000)
        .map(|k| format!("0 LINE 10 {k} 20 0 11 {k} 21 5 "))
        .collect();
    let error = parse(&books, "a.dxf", dxf("", &lines), &apart(0.01)).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
    assert_eq!(live_bytes(&books), 0);
}

#[test]
fn blocks_in_blocks_are_placed_by_both() {
    // Turned inside, stretched outside: no circle stays one.
    let blocks = "0 BLOCK 2 A 10 1 20 1 0 LINE 10 1 20 1 11 3 21 1 0 CIRCLE 10 1 20 1 40 1 0 ENDBLK
        0 BLOCK 2 B 0 INSERT 2 A 41 2 50 90 0 ENDBLK";
    let books = books(ROOM);
    let entities = "0 INSERT 2 B 10 10 20 70 41 -1 42 1.5 50 45";
    let (lines, _) = parse(&books, "a.dxf", dxf(blocks, entities), &apart(0.001)).unwrap();
    let line = lines.get(0).unwrap();
    let near =
        |a: [f32; 2], b: [f64; 2]| (f64::from(a[0]) - b[0]).hypot(f64::from(a[1]) - b[1]) < 1e-4;
    // (2, 0) behind the base is (4, 0), (0, 4) turned, (0, 6) stretched, and turned by half a right angle.
    let end = 6.0 * 0.5f64.sqrt();
    assert!(near(line.points[0], [10.0, 70.0]) && near(line.points[1], [10.0 - end, 70.0 + end]));
    // Half axes of 2 · 1.5 along that line, and 1 across.
    let area = lines.get(1).unwrap().area();
    assert!(
        (area.abs() - 3.0 * std::f64::consts::PI).abs() < 0.02,
        "{area}"
    );
}
