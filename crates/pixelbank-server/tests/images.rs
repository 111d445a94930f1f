//! IIIF answers against the pixels of the files.

mod support;

use std::path::Path;

use image::{GenericImageView as _, ImageBuffer, Rgb, RgbImage};
use support::{Answer, Running, options, serve, start};

/// Every pixel differs from its neighbours by little, and says where it is.
fn gradient(width: u32, height: u32) -> RgbImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([
            (x * 255 / width.max(1)) as u8,
            (y * 255 / height.max(1)) as u8,
            128,
        ])
    })
}

fn write_png(folder: &Path, name: &str, width: u32, height: u32) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    gradient(width, height)
        .save_with_format(path, image::ImageFormat::Png)
        .expect("written");
}

fn folder_with(name: &str, width: u32, height: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_png(folder.path(), name, width, height);
    folder
}

fn decoded(answer: &Answer) -> RgbImage {
    assert_eq!(answer.status, 200, "{}", answer.text());
    image::load_from_memory(&answer.body)
        .expect("an image")
        .to_rgb8()
}

fn assert_near(image: &RgbImage, x: u32, y: u32, expected: [u8; 3], tolerance: u8) {
    let found = image.get_pixel(x, y).0;
    for (a, b) in found.iter().zip(expected) {
        assert!(
            a.abs_diff(b) <= tolerance,
            "({x}, {y}) is {found:?}, not {expected:?}"
        );
    }
}

fn size_of(server: &Running, target: &str) -> (u32, u32) {
    decoded(&server.get(target)).dimensions()
}

#[test]
fn a_region_is_the_file_s_pixels() {
    let folder = folder_with("a.png", 1000, 700);
    let server = serve(folder.path());
    let original = gradient(1000, 700);
    for version in ["2", "3"] {
        let answer = server.get(&format!(
            "/iiif/{version}/a.png/300,200,256,100/max/0/default.png"
        ));
        assert_eq!(answer.header("content-type"), Some("image/png"));
        let found = decoded(&answer);
        assert_eq!(found, original.view(300, 200, 256, 100).to_image());
    }
    let whole = decoded(&server.get("/iiif/3/a.png/full/max/0/default.png"));
    assert_eq!(whole, original);
}

#[test]
fn sizes_rotations_qualities_and_formats_are_what_was_asked_for() {
    let folder = folder_with("a.png", 1000, 700);
    let server = serve(folder.path());
    let base = "/iiif/3/a.png";
    assert_eq!(
        size_of(&server, &format!("{base}/full/500,/0/default.jpg")),
        (500, 350)
    );
    assert_eq!(
        size_of(&server, &format!("{base}/square/^!900,950/0/default.jpg")),
        (900, 900)
    );
    assert_eq!(
        size_of(&server, &format!("{base}/full/!100,100/90/default.jpg")),
        (70, 100)
    );
    assert_eq!(
        size_of(
            &server,
            &format!("{base}/pct:50,50,25,25/max/0/default.png")
        ),
        (250, 175)
    );

    let turned = decoded(&server.get(&format!("{base}/full/max/90/default.png")));
    // What was at the bottom left is at the top left.
    assert_near(&turned, 0, 0, [0, 254, 128], 1);
    let mirrored = decoded(&server.get(&format!("{base}/full/max/!0/default.png")));
    assert_near(&mirrored, 0, 0, [254, 0, 128], 1);

    let gray = server.get(&format!("{base}/full/200,/0/gray.jpg"));
    let gray = image::load_from_memory(&gray.body).expect("an image");
    assert_eq!(gray.color(), image::ColorType::L8);
    let bitonal = server.get(&format!("{base}/full/200,/0/bitonal.png"));
    let bitonal = image::load_from_memory(&bitonal.body)
        .expect("an image")
        .to_luma8();
    assert!(bitonal.pixels().all(|p| p.0 == [0] || p.0 == [255]));
    assert!(bitonal.pixels().any(|p| p.0 == [0]) && bitonal.pixels().any(|p| p.0 == [255]));

    let webp = server.get(&format!("{base}/full/200,/0/default.webp"));
    assert_eq!(webp.header("content-type"), Some("image/webp"));
    assert!(webp.body.starts_with(b"RIFF") && &webp.body[8..12] == b"WEBP");
    let jpeg = decoded(&server.get(&format!("{base}/full/200,/0/default.jpg")));
    assert_near(&jpeg, 100, 70, [128, 127, 128], 6);
    assert_eq!(
        size_of(&server, &format!("{base}/full/200,/45/default.png")),
        (241, 241)
    );
}

#[test]
fn the_description_fits_the_image() {
    let folder = folder_with("sub/a b.png", 1000, 700);
    let server = serve(folder.path());
    let answer = server.get("/iiif/3/sub%2Fa%20b.png/info.json");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let info = answer.json();
    let id = format!("http://{}/iiif/3/sub%2Fa%20b.png", server.address);
    assert_eq!(info["id"], id.as_str());
    assert_eq!(
        (&info["width"], &info["height"]),
        (&1000.into(), &700.into())
    );
    let ld = [("Accept", "application/ld+json")];
    let answer = server.ask("GET", "/iiif/3/sub%2Fa%20b.png/info.json", &ld);
    assert!(
        answer
            .header("content-type")
            .is_some_and(|t| t.starts_with("application/ld+json"))
    );
    let v2 = server.get("/iiif/2/sub%2Fa%20b.png/info.json").json();
    assert_eq!(v2["@id"], id.replace("/3/", "/2/").as_str());

    let list = server.listing();
    assert_eq!(list["images"][0]["id"], "sub%2Fa%20b.png");
    assert_eq!(
        (&list["images"][0]["width"], &list["images"][0]["height"]),
        (&1000.into(), &700.into())
    );
    let detail = server.get("/api/image/sub%2Fa%20b.png").json();
    assert_eq!(
        (&detail["format"], &detail["width"]),
        (&"PNG".into(), &1000.into())
    );
    assert_eq!(detail["levels"][0], serde_json::json!([1000, 700]));
    assert!(detail["metadata"].is_array() && detail["error"].is_null());
}

#[test]
fn answers_carry_what_is_needed_to_keep_and_cite_them() {
    let folder = folder_with("a.png", 300, 200);
    let server = serve(folder.path());
    let target = "/iiif/3/a.png/0,0,300,200/150,/0/color.jpg";
    let first = server.get(target);
    let link = format!(
        "<http://{}/iiif/3/a.png/full/150,100/0/default.jpg>;rel=\"canonical\", \
         <http://iiif.io/api/image/3/level2.json>;rel=\"profile\"",
        server.address
    );
    assert_eq!(first.header("link"), Some(link.as_str()));
    assert_eq!(first.header("access-control-allow-origin"), Some("*"));
    let etag = first.header("etag").expect("a tag").to_owned();
    let date = first.header("last-modified").expect("a date").to_owned();

    // The second comes from the cache, and is the same but for the time.
    let second = server.get(target);
    assert_eq!(
        (&second.body, second.header("etag")),
        (&first.body, Some(etag.as_str()))
    );
    for condition in [
        ("If-None-Match", etag.as_str()),
        ("If-Modified-Since", date.as_str()),
    ] {
        let answer = server.ask("GET", target, &[condition]);
        assert_eq!(
            (answer.status, answer.header("etag")),
            (304, Some(etag.as_str()))
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    assert_eq!(
        server
            .ask("GET", target, &[("If-None-Match", "\"x\"")])
            .status,
        200
    );
    let head = server.ask("HEAD", target, &[]);
    assert_eq!(
        head.header("content-length"),
        Some(first.body.len().to_string().as_str())
    );
    let elsewhere = server.ask("GET", target, &[("Host", "localhost:1")]);
    assert!(
        elsewhere
            .header("link")
            .is_some_and(|l| l.starts_with("<http://localhost:1/iiif/3/a.png/full"))
    );
}

#[test]
fn an_unchanged_answer_needs_no_decoding() {
    let folder = folder_with("a.png", 300, 200);
    let target = "/iiif/3/a.png/full/max/0/default.png";
    let etag = serve(folder.path())
        .get(target)
        .header("etag")
        .expect("a tag")
        .to_owned();
    // Another server over the same folder has decoded nothing yet, and the file is no image any more but for its
    // length and time: whoever decoded it would fail.
    let path = folder.path().join("a.png");
    let modified = std::fs::metadata(&path)
        .and_then(|m| m.modified())
        .expect("a time");
    let bytes = std::fs::read(&path).expect("read").len();
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("opened");
    std::io::Write::write_all(&mut &file, &vec![0; bytes]).expect("written");
    file.set_modified(modified).expect("set");
    let server = serve(folder.path());
    assert_eq!(
        server
            .ask("GET", target, &[("If-None-Match", &etag)])
            .status,
        304
    );
    assert_ne!(server.get(target).status, 200);
}

#[test]
fn a_changed_file_gives_other_pixels_and_another_tag() {
    let folder = folder_with("a.png", 300, 200);
    let server = serve(folder.path());
    let target = "/iiif/3/a.png/full/max/0/default.png";
    let before = server.get(target);
    write_png(folder.path(), "a.png", 320, 200);
    // A file is looked at once a second.
    let after = loop {
        let answer = server.get(target);
        if answer.header("etag") != before.header("etag") {
            break answer;
        }
    };
    assert_eq!(decoded(&after).dimensions(), (320, 200));
    assert_eq!(server.get("/iiif/3/a.png/info.json").json()["width"], 320);
    std::fs::remove_file(folder.path().join("a.png")).expect("removed");
    while server.get(target).status != 404 {}
}

#[test]
fn large_answers_are_streamed_and_whole() {
    let folder = folder_with("a.png", 3000, 2000);
    let server = serve(folder.path());
    let answer = server.get("/iiif/3/a.png/full/max/0/default.png");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert!(answer.header("etag").is_some() && answer.header("link").is_some());
    assert_eq!(decoded(&answer), gradient(3000, 2000));
    let jpeg = decoded(&server.get("/iiif/3/a.png/full/max/180/default.jpg"));
    assert_eq!(jpeg.dimensions(), (3000, 2000));
    assert_near(&jpeg, 10, 10, [254, 253, 128], 6);
    assert_eq!(
        server
            .ask("HEAD", "/iiif/3/a.png/full/max/0/default.png", &[])
            .status,
        200
    );
}

#[test]
fn what_can_never_fit_is_refused_and_what_fits_is_still_answered() {
    let folder = folder_with("a.png", 1000, 700);
    let mut options = options(folder.path());
    options.bank = support::bank(24 << 20);
    let server = start(options);
    // Turned by an angle, it must be held as a whole.
    let answer = server.get("/iiif/3/a.png/full/^8000,5600/30/default.png");
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(
        size_of(&server, "/iiif/3/a.png/full/300,/0/default.jpg"),
        (300, 210)
    );
}

#[test]
fn what_does_not_fit_now_is_told_to_come_again() {
    let folder = folder_with("a.png", 1000, 700);
    let mut options = options(folder.path());
    options.bank = support::bank(32 << 20);
    options.memory_wait = std::time::Duration::from_millis(1);
    let server = start(options);
    server.listing();
    let holder = server
        .bank
        .holder(pixelbank_memory::Account::Pool, "held", "test");
    let mut held = holder.try_reserve(24 << 20).expect("room");
    while held.try_grow(64 << 10).is_ok() {}
    let answer = server.get("/iiif/3/a.png/full/max/0/default.png");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    drop(held);
    assert_eq!(
        size_of(&server, "/iiif/3/a.png/full/max/0/default.png"),
        (1000, 700)
    );
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let folder = folder_with("a.png", 3000, 2000);
    let server = serve(folder.path());
    server.listing();
    for n in 0..30 {
        let mut connection = server.connect();
        let target = format!(
            "/iiif/3/a.png/0,0,{},2000/max/{}/default.png",
            2000 + n,
            n * 12
        );
        connection.send("GET", target.as_bytes(), &[]);
        drop(connection);
    }
    // Nobody waits for any of them: soon nothing is being encoded or rendered.
    loop {
        let ledger = server.get("/api/ledger?history=0").json();
        let busy = ledger["types"].as_array().expect("rows").iter().any(|row| {
            ["encoding", "render"].contains(&row["type"].as_str().expect("text"))
                && row["live_bytes"].as_u64() > Some(0)
        });
        if !busy {
            break;
        }
    }
    assert_eq!(
        size_of(&server, "/iiif/3/a.png/full/300,/0/default.jpg"),
        (300, 200)
    );
}

#[test]
fn the_same_asked_for_at_once_is_made_once() {
    let folder = folder_with("a.png", 3000, 2000);
    let server = serve(folder.path());
    let target = "/iiif/3/a.png/full/1500,/0/default.jpg";
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| server.get(target))).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert!(
        answers
            .iter()
            .all(|a| a.status == 200 && a.body == answers[0].body)
    );
    let metrics = server.get("/metrics").text();
    assert!(
        metrics.contains("pixelbank_encoded_entries 1\n"),
        "{metrics}"
    );
}

#[test]
fn only_what_lies_below_the_folder_can_be_named() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    write_png(outside.path(), "secret.png", 30, 20);
    let folder = folder_with("in/a.png", 30, 20);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).expect("linked");
    std::os::unix::fs::symlink(
        outside.path().join("secret.png"),
        folder.path().join("s.png"),
    )
    .expect("linked");
    std::os::unix::fs::symlink("loop.png", folder.path().join("loop.png")).expect("linked");
    let server = serve(folder.path());
    let secret = outside.path().join("secret.png");
    let absolute = secret.to_str().expect("text").replace('/', "%2F");
    let up = format!("..%2F..{absolute}");
    let ids = [
        absolute.as_str(),
        &up,
        "..%2Fsecret.png",
        "%2e%2e%2fsecret.png",
        "in%2F..%2F..%2Fsecret.png",
        "in%2F..%2Fin%2Fa.png",
        ".%2Fin%2Fa.png",
        "in%2F%2Fa.png",
        "in%2Fa.png%2F",
        "in%2Fa.png%00.jpg",
        "in%2Fa.png%00",
        "in",
        "in%2F",
        ".",
        "..",
        "%2F",
        "%00",
        "out",
        "out%2Fsecret.png",
        "s.png",
        "loop.png",
        "..%5Csecret.png",
        "%252e%252e%252fsecret.png",
        "in%5Ca.png",
        "%C0%AE%C0%AE%2Fsecret.png",
        "~%2Fsecret.png",
        "file:%2F%2F%2Fetc%2Fpasswd",
        "in%2Fa.png%20",
        "IN%2Fa.png%2F..%2F..",
        "%2Fproc%2Fself%2Fenviron",
    ];
    for id in ids {
        for rest in ["info.json", "full/max/0/default.jpg"] {
            let answer = server.get(&format!("/iiif/3/{id}/{rest}"));
            assert_eq!(answer.status, 404, "{id}/{rest}: {}", answer.text());
            assert!(
                !answer
                    .text()
                    .contains(outside.path().to_str().expect("text")),
                "{id}"
            );
        }
        assert_eq!(server.get(&format!("/api/image/{id}")).status, 404, "{id}");
    }
    for raw in [
        "/iiif/3/../../etc/passwd",
        "/../../etc/passwd",
        "/iiif/3/in/a.png/info.json",
        "/assets/..%2F..%2Fx",
    ] {
        assert_eq!(server.get(raw).status, 404, "{raw}");
    }
    for broken in ["%", "%2", "%zz"] {
        assert_eq!(
            server.get(&format!("/iiif/3/{broken}/info.json")).status,
            400,
            "{broken}"
        );
    }
    assert_eq!(server.get("/iiif/3/in%2Fa.png/info.json").status, 200);
    assert_eq!(server.listing()["total"], 1);

    let mut following = options(folder.path());
    following.follow_links = true;
    let server = start(following);
    assert_eq!(server.get("/iiif/3/out%2Fsecret.png/info.json").status, 200);
    assert_eq!(server.get("/iiif/3/loop.png/info.json").status, 404);
}

#[test]
fn odd_names_are_found_by_the_identifiers_in_the_list() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names: &[&[u8]] = &[
        b"with space.png",
        b"100%.png",
        b"%41.png",
        b"quote\"'.png",
        "\u{1F600} smile.png".as_bytes(),
        b"a+b&c=d?.png",
        b"#hash;semi.png",
        b"back\\slash.png",
        b"new\nline.png",
        b"\xff\xfeinvalid.png",
        b"info.json.png",
        b"[x]{y}.png",
    ];
    for name in names {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        gradient(20, 10)
            .save_with_format(path, image::ImageFormat::Png)
            .expect("written");
    }
    let server = serve(folder.path());
    let list = server.listing();
    let images = list["images"].as_array().expect("a list");
    assert_eq!(images.len(), names.len());
    for image in images {
        let id = image["id"].as_str().expect("text");
        assert_eq!(image["width"], 20, "{id}: {}", image["error"]);
        assert_eq!(
            server.get(&format!("/iiif/3/{id}/info.json")).status,
            200,
            "{id}"
        );
        assert_eq!(
            size_of(&server, &format!("/iiif/2/{id}/full/full/0/default.png")),
            (20, 10)
        );
        assert_eq!(server.get(&format!("/api/image/{id}")).json()["id"], id);
    }
    // Any spelling of the same bytes is the same image.
    assert_eq!(
        server.get("/iiif/3/%77ith%20space%2Epng/info.json").status,
        200
    );
}

#[test]
fn broken_files_are_told_with_their_reason_and_the_server_goes_on() {
    let folder = folder_with("good.png", 300, 200);
    let at = |name: &str| folder.path().join(name);
    let good = std::fs::read(at("good.png")).expect("read");
    std::fs::write(at("empty.png"), b"").expect("written");
    std::fs::write(at("cut.png"), &good[..good.len() / 2]).expect("written");
    std::fs::write(at("text.jpg"), "no image at all").expect("written");
    std::fs::write(at("renamed.jpg"), &good).expect("written");
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0x0F, 0x42, 0x40, 0, 0x0F, 0x42, 0x40]);
    std::fs::write(at("huge.png"), huge).expect("written");
    let server = serve(folder.path());
    for name in ["empty.png", "cut.png", "text.jpg", "huge.png"] {
        let answer = server.get(&format!("/iiif/3/{name}/full/max/0/default.png"));
        // A stream may have begun with the rows that are right.
        assert!(
            [404, 413, 500, 501, 400].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
        assert!(
            answer.text().len() > 10
                && !answer
                    .text()
                    .contains(folder.path().to_str().expect("text"))
        );
    }
    assert_eq!(
        size_of(&server, "/iiif/3/renamed.jpg/full/max/0/default.png"),
        (300, 200)
    );
    let list = server.listing();
    let broken: Vec<_> = list["images"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|i| i["error"].is_string())
        .map(|i| i["path"].clone())
        .collect();
    assert!(
        broken.contains(&"empty.png".into()) && broken.contains(&"text.jpg".into()),
        "{broken:?}"
    );
    let detail = server.get("/api/image/text.jpg").json();
    assert!(detail["error"].is_string() && detail["width"].is_null());
    assert_eq!(server.get("/iiif/3/good.png/info.json").status, 200);
}
