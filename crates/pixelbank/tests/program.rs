//! The program as a shell sees it: what it prints, writes and returns.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

fn pixelbank() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixelbank"));
    // The limits of whoever runs the tests are not those of the tests.
    command
        .env_remove("PIXELBANK_MEMORY")
        .env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

fn run(arguments: &[&str]) -> Output {
    pixelbank().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Small photographs of every format.
fn samples(dir: &Path) {
    let made = run(&[
        "sample",
        dir.to_str().unwrap(),
        "--count",
        "50",
        "--megapixels",
        "0.05",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
}

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn samples_are_described_and_scaled() {
    let dir = tempfile::tempdir().unwrap();
    let photos = dir.path().join("photos");
    samples(&photos);
    let files = files(&photos);
    assert_eq!(files.len(), 50);
    for ending in [
        "jpg", "png", "tif", "webp", "gif", "bmp", "qoi", "tga", "ppm", "hdr", "exr",
    ] {
        assert!(
            files.iter().any(|file| file.ends_with(ending)),
            "no {ending} among the samples"
        );
    }

    let described = pixelbank()
        .args(["info", "--json"])
        .args(&files)
        .output()
        .unwrap();
    assert!(described.status.success(), "{}", text(&described.stderr));
    let documents: Vec<Value> = serde_json::from_slice(&described.stdout).unwrap();
    assert_eq!(documents.len(), 50);
    for document in &documents {
        let subimage = &document["subimages"][0];
        let pixels = subimage["width"].as_u64().unwrap() * subimage["height"].as_u64().unwrap();
        assert!((30_000..70_000).contains(&pixels), "{document}");
        if document["format"] == "JPEG" {
            assert!(
                document["captured"]
                    .as_str()
                    .is_some_and(|date| date.starts_with("20")),
                "{document}"
            );
            assert!(
                document["camera"].is_string()
                    && document["location"].is_object() | document["location"].is_null()
            );
        }
    }

    let thumbs = dir.path().join("thumbs");
    let folder = [photos.to_str().unwrap(), "--out", thumbs.to_str().unwrap()];
    let made = pixelbank()
        .args(["thumb", "--size", "64", "--json", "--memory", "32M"])
        .args(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let lines: Vec<Value> = text(&made.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 50);
    for line in lines {
        let longer = line["width"]
            .as_u64()
            .unwrap()
            .max(line["height"].as_u64().unwrap());
        assert_eq!(longer, 64);
        let written = image::open(line["thumbnail"].as_str().unwrap());
        // Only some formats are compiled into the independent reader; JPEG is not among them, so its mark must do.
        let bytes = fs::read(line["thumbnail"].as_str().unwrap()).unwrap();
        assert!(written.is_ok() || bytes.starts_with(b"\xff\xd8\xff"));
    }
}

/// The shape that an array's header states, and the bytes behind it.
fn array(path: &Path) -> (String, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01\0"));
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = text(&bytes[10..10 + length]);
    let (_, shape) = header.split_once("'shape': (").unwrap();
    let (shape, _) = shape.split_once(')').unwrap();
    (shape.to_owned(), bytes[10 + length..].to_vec())
}

#[test]
fn pixels_are_extracted_whole_by_region_and_by_level() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let pixels: Vec<u8> = (0..40 * 30 * 3).map(|n| (n * 7 % 251) as u8).collect();
    image::save_buffer(
        path("a.bmp"),
        &pixels,
        40,
        30,
        image::ExtendedColorType::Rgb8,
    )
    .unwrap();

    let done = run(&["extract", &path("a.bmp"), "--out", &path("whole.npy")]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let whole = array(dir.path().join("whole.npy").as_path());
    assert_eq!(whole, ("30, 40, 3".to_owned(), pixels.clone()));

    let region = ["--region", "39,28,1,2", "--out", &path("part.npy")];
    let done = pixelbank()
        .args(["extract", &path("a.bmp")])
        .args(region)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let rows = [28usize, 29].map(|y| &pixels[(y * 40 + 39) * 3..][..3]);
    let part = array(dir.path().join("part.npy").as_path());
    assert_eq!(part, ("2, 1, 3".to_owned(), rows.concat()));

    fs::write(
        path("broken.bmp"),
        &fs::read(path("a.bmp")).unwrap()[..1000],
    )
    .unwrap();
    let done = pixelbank()
        .args(["extract", &path("broken.bmp"), &path("a.bmp")])
        .args(["--all", "--json", "--out", &path("arrays")])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(1));
    let lines: Vec<Value> = text(&done.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines[0]["error"].as_str().unwrap().contains("broken.bmp"));
    assert_eq!(lines[1]["array"], path("arrays/a.bmp.0.0.npy"));
    assert_eq!(array(Path::new(&path("arrays/a.bmp.0.0.npy"))).1, pixels);
    assert_eq!(
        files(Path::new(&path("arrays"))).len(),
        1,
        "half an array is left"
    );
}

#[test]
fn extracting_to_one_name_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.npy");
    let out = out.to_str().unwrap();
    for arguments in [
        &["extract", "a.png", "b.png", "--out", out][..],
        &["extract", "a.png", "--all", "--out", out],
        &[
            "extract",
            "x/a.png",
            "y/a.png",
            "--out",
            dir.path().to_str().unwrap(),
        ],
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty());
    }
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_broken_picture_costs_itself_and_the_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.png");
    image::write_buffer_with_format(
        &mut fs::File::create(dir.path().join("good.bmp")).unwrap(),
        &[1, 2, 3, 4, 5, 6],
        2,
        1,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Bmp,
    )
    .unwrap();
    fs::rename(dir.path().join("good.bmp"), &good).unwrap();
    let broken = dir.path().join("broken.jpg");
    fs::write(&broken, b"\xff\xd8\xff\xe0 and no more").unwrap();
    let out = dir.path().join("out");
    let sources = [
        good.to_str().unwrap(),
        broken.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let made = pixelbank()
        .args(["thumb", "--size", "10"])
        .args(sources)
        .output()
        .unwrap();
    assert_eq!(made.status.code(), Some(1));
    assert!(
        text(&made.stderr).contains("broken.jpg"),
        "{}",
        text(&made.stderr)
    );
    assert!(
        out.join("good.jpg").exists(),
        "what a file is called does not matter"
    );
    let described = run(&["info", broken.to_str().unwrap(), good.to_str().unwrap()]);
    assert_eq!(described.status.code(), Some(1));
    assert!(
        text(&described.stdout).contains("BMP 2×1"),
        "{}",
        text(&described.stdout)
    );
    assert!(
        text(&described.stderr).contains("broken.jpg: damaged JPEG file"),
        "{}",
        text(&described.stderr)
    );
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    for (arguments, code, phrase) in [
        (vec!["info"], 2, "FILE"),
        (vec!["info", "x.jpg", "--memory", "lots"], 2, "byte count"),
        (vec!["sample", "x", "--megapixels", "many"], 2, "megapixels"),
        (vec!["info", "/nonexistent/x.jpg"], 1, "/nonexistent/x.jpg"),
        (
            vec![
                "thumb",
                "/nonexistent/x.jpg",
                "--size",
                "9",
                "--out",
                "/tmp",
            ],
            1,
            "/nonexistent/x.jpg",
        ),
        (vec!["serve", "/nonexistent"], 1, "no such folder"),
        (vec!["serve", "/etc/hostname"], 1, "is a file"),
        (
            vec!["info", "x.jpg", "--scratch-dir", "/nonexistent"],
            1,
            "scratch",
        ),
    ] {
        let done = run(&arguments);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}");
        assert!(
            text(&done.stderr).contains(phrase),
            "{arguments:?}: {}",
            text(&done.stderr)
        );
    }
    let bad = pixelbank()
        .args(["info", "x.jpg"])
        .env("PIXELBANK_MEMORY", "lots")
        .output()
        .unwrap();
    assert!(
        text(&bad.stderr).contains("PIXELBANK_MEMORY"),
        "{}",
        text(&bad.stderr)
    );
}

#[test]
fn shells_and_man_get_their_files() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&run(&["completions", shell]).stdout).contains("thumb"));
    }
    assert!(text(&run(&["man"]).stdout).contains(".TH pixelbank"));
    let dir = tempfile::tempdir().unwrap();
    assert!(
        run(&["man", "--out", dir.path().to_str().unwrap()])
            .status
            .success()
    );
    assert!(dir.path().join("pixelbank-serve.1").exists());
}

/// Ends the server when a test fails half-way.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that has been started, and its host and port.
fn serve(command: &mut Command) -> (Server, String) {
    let mut server = Server(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let host = line.trim().strip_prefix("http://").unwrap();
    let host = host.trim_end_matches('/').to_owned();
    (server, host)
}

#[test]
fn serve_says_where_and_ends_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pixelbank();
    command.args(["serve", "--port", "0", "--memory", "64M"]);
    let (mut server, host) = serve(command.arg(dir.path()));
    let mut connection = TcpStream::connect(&host).unwrap();
    write!(
        connection,
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"),
        "{answer}"
    );

    let taken = host.rsplit(':').next().unwrap();
    let second = pixelbank()
        .args(["serve", "--port", taken])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains(taken),
        "{}",
        text(&second.stderr)
    );

    let pid = server.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn a_ledger_is_told_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let photos = dir.path().join("photos");
    fs::create_dir(&photos).unwrap();
    samples(&photos);
    let mut command = pixelbank();
    command.env("XDG_RUNTIME_DIR", dir.path());
    command.args([
        "serve",
        "--port",
        "0",
        "--memory",
        "64M",
        "--stacks-from",
        "1",
    ]);
    let (server, host) = serve(command.arg(&photos));
    let pid = server.0.id().to_string();
    let ledger = |arguments: &[&str]| {
        let mut command = pixelbank();
        command.env("XDG_RUNTIME_DIR", dir.path()).arg("ledger");
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    // The list of images is booked once a second.
    let begun = Instant::now();
    while !ledger(&[&pid]).contains("list of images") {
        assert!(begun.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(50));
    }
    // By the process's number, by address, and as the only one.
    for target in [&[pid.as_str()][..], &[&host], &[]] {
        let table = ledger(target);
        assert!(table.contains("of 64 MiB held"), "{table}");
        assert!(table.contains("list of images"), "{table}");
        assert!(table.contains("unclassified") || table.contains("mapped files"));
    }
    let json: Value = serde_json::from_str(&ledger(&[&pid, "--json"])).unwrap();
    assert_eq!(json["host"]["limit_bytes"], 64 << 20);
    let csv = ledger(&[&host, "--csv", "--sort", "type"]);
    let types: Vec<&str> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert!(types.len() > 2 && types.is_sorted(), "{csv}");
    assert!(ledger(&[&pid, "--tree"]).contains("─ on the books"));
    let picture = dir.path().join("held.png");
    ledger(&[&host, "--png", picture.to_str().unwrap()]);
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    assert!(ledger(&[&pid, "--stacks"]).contains("catalog/list of images"));

    let saved = dir.path().join("before.json");
    let saved = saved.to_str().unwrap();
    ledger(&[&pid, "--save", saved]);
    let same = ledger(&["--since", saved, "--until", saved]);
    assert_eq!(same, "Nothing changed in 0 s.\n");
    let diff: Value = serde_json::from_str(&ledger(&[&pid, "--since", saved, "--json"])).unwrap();
    assert!(diff["seconds"].as_f64() >= Some(0.0) && diff["changes"].is_array());
    ledger(&[&pid, "--mark"]);
    assert!(ledger(&[&host]).contains("since-mark"));
}

#[test]
fn whose_ledger_is_not_there_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes.json");
    fs::write(&notes, r#"{"form": 9, "time_s": 0, "types": {}}"#).unwrap();
    let notes = notes.to_str().unwrap();
    for (arguments, expected) in [
        (
            &["2147483647"][..],
            "no process of yours with the number 2147483647",
        ),
        (&[], "no process of yours"),
        (&["127.0.0.1:1"], "127.0.0.1:1"),
        (&["https://localhost"], "by http, not by https"),
        (
            &["--since", notes, "--until", notes],
            "notes.json: a snapshot of form 9",
        ),
        (&["--since", "/nonexistent.json"], "/nonexistent.json"),
    ] {
        let mut command = pixelbank();
        command.env("XDG_RUNTIME_DIR", dir.path()).arg("ledger");
        let output = command.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    let top = pixelbank()
        .arg("top")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(text(&top.stderr).contains("top needs a terminal"));
}

#[test]
fn a_trace_is_replayed_through_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let replay = |trace: &str, more: &[&str]| {
        let run = run(&[&["bench", "replay", trace, "--json"], more].concat());
        assert!(run.status.success(), "{}", text(&run.stderr));
        serde_json::from_slice::<Value>(&run.stdout).unwrap()
    };
    // A loop over 80 tiles of 16 KiB, with room for 64: LRU loses each just before it is asked for again.
    let numbers: Vec<u8> = (0..20_000i32)
        .flat_map(|n| (n % 80 * 1000).to_le_bytes())
        .collect();
    fs::write(path("loop.bin"), numbers).unwrap();
    let lru = replay(&path("loop.bin"), &["--capacity", "1M", "--policy", "lru"]);
    assert_eq!(lru["hits"], 0, "{lru}");
    assert_eq!(
        (&lru["requests"], &lru["tiles"]),
        (&20_000.into(), &80.into())
    );
    assert!(lru["evictions"].as_u64().unwrap() >= 20_000 - 64, "{lru}");
    let adaptive = replay(&path("loop.bin"), &["--capacity", "1M"]);
    assert!(adaptive["hit_ratio"].as_f64().unwrap() > 0.6, "{adaptive}");
    let roomy = replay(&path("loop.bin"), &["--capacity", "4M"]);
    assert_eq!(roomy["hits"], 20_000 - 80, "{roomy}");

    fs::write(
        path("sizes.csv"),
        "id,bytes\nsmall,8192\nlarge,300000\nsmall,8192\n",
    )
    .unwrap();
    let sizes = replay(&path("sizes.csv"), &["--capacity", "1M"]);
    assert_eq!(sizes["hits"], 1, "{sizes}");
    assert_eq!(sizes["hit_bytes"], 8192, "{sizes}");
    assert_eq!(sizes["bytes"], 316_384, "{sizes}");
    let readable = run(&["bench", "replay", &path("sizes.csv"), "--capacity", "1M"]);
    assert!(
        text(&readable.stdout).contains("33.3 %"),
        "{}",
        text(&readable.stdout)
    );

    fs::write(path("cut.bin"), [1, 0, 0, 0, 2, 0]).unwrap();
    fs::write(path("words.csv"), "1,8192\n2,many\n").unwrap();
    for (name, capacity, reason) in [
        ("cut.bin", "1M", "no multiple of four"),
        ("words.csv", "1M", "line 2"),
        ("sizes.csv", "290K", "larger than the capacity"),
        ("missing.bin", "1M", "No such file"),
    ] {
        let failed = run(&["bench", "replay", &path(name), "--capacity", capacity]);
        let message = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{message}");
        assert!(
            message.contains(name) && message.contains(reason),
            "{message}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let photos = dir.path().join("photos");
    samples(&photos);
    for json in [&["--json"][..], &[]] {
        let mut child = pixelbank()
            .arg("info")
            .args(json)
            .args(files(&photos))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        assert_eq!(text(&ended.stderr), "");
    }
}

#[test]
fn the_object_pool_is_measured_and_stays_within_its_limit() {
    let output = run(&["bench", "pool", "--json", "--memory", "1G"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in report["nanos"].as_array().unwrap() {
        assert!(row["median"].as_f64().unwrap() > 0.0, "{row}");
    }
    let over = &report["hand_over"];
    assert!(over["objects"].as_u64().unwrap() > 900_000, "{over}");
    assert!(
        over["most_held"].as_u64().unwrap() < 600,
        "nothing piles up: {over}"
    );
    for row in report["random_shapes"].as_array().unwrap() {
        let figure = |name: &str| row[name].as_f64().unwrap();
        assert!(figure("most_held_bytes") <= figure("limit_bytes"), "{row}");
        let is_exact = figure("larger_fit_percent") == 0.0;
        assert!(is_exact || figure("hit_rate") > 0.8, "{row}");
    }
    let readable = run(&["bench", "pool", "--memory", "1G"]);
    assert!(
        text(&readable.stdout).contains("made by one thread"),
        "{}",
        text(&readable.stdout)
    );
}

#[test]
fn what_a_file_costs_in_the_cache_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let photos = dir.path().join("photos");
    samples(&photos);
    let files = files(&photos);
    let measured = |paths: &[&str]| -> Value {
        let output = run(&[&["bench", "cache", "--json"], paths].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let many = measured(&[photos.to_str().unwrap()]);
    assert_eq!(many["files"], 50);
    assert!(many["closed"]["ledger_bytes_per_file"].as_u64().unwrap() > 0);
    let tiff = files.iter().find(|file| file.ends_with(".tif")).unwrap();
    let one = measured(&[tiff]);
    assert!(one["cold"]["tile_by_tile"]["tiles_made"].as_u64().unwrap() > 0);
    for row in one["nanos"].as_array().unwrap() {
        assert!(row["median"].as_f64().unwrap() > 0.0, "{row}");
    }
    let missing = run(&["bench", "cache", "/nonexistent.tif"]);
    assert!(!missing.status.success());
    assert!(text(&missing.stderr).contains("/nonexistent.tif"));
}

/// A box of 2 × 3 × 1 in OBJ, with the name of a part.
const BOX: &str = "o box\nv 0 0 0\nv 2 0 0\nv 0 3 0\nv 2 3 0\nv 0 0 1\nv 2 0 1\nv 0 3 1\nv 2 3 1\n\
    f 1 3 4 2\nf 5 6 8 7\nf 1 2 6 5\nf 3 7 8 4\nf 1 5 7 3\nf 2 4 8 6\n";

#[test]
fn a_model_is_described_converted_and_sliced() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (obj, glb, svg) = (path("box.obj"), path("box.glb"), path("box.svg"));
    fs::write(&obj, BOX).unwrap();
    let converted = run(&[
        "mesh", "convert", &obj, &glb, "--scale", "10", "--rotate", "z=90", "--mirror", "x",
    ]);
    assert!(converted.status.success(), "{}", text(&converted.stderr));
    let told = run(&["mesh", "info", &obj, &glb, "--json"]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    for (n, volume) in [(0, 6.0), (1, 6000.0)] {
        assert_eq!(told[n]["faces"], 12);
        assert_eq!(told[n]["watertight"], true);
        assert_eq!(told[n]["volume"], volume);
        assert_eq!(told[n]["memory"]["state"], "open");
    }
    assert_eq!(told[0]["file"]["n_polygons"], 6);
    assert_eq!(
        told[1]["bounds"]["max"],
        serde_json::json!([30.0, 20.0, 10.0])
    );
    let shown = text(&run(&["mesh", "info", &obj]).stdout);
    assert!(
        shown.contains("12 faces, 8 vertices") && shown.contains("part 'box'"),
        "{shown}"
    );
    assert!(shown.contains("    watertight, in one piece\n"), "{shown}");

    let sliced = run(&[
        "mesh", "slice", &obj, "--at", "0.5", "--at", "2", "-o", &svg,
    ]);
    assert!(sliced.status.success(), "{}", text(&sliced.stderr));
    let lines = text(&sliced.stdout);
    assert!(
        lines.starts_with("at 0.5: 1 line, length 10.000000, area 6.000000\n"),
        "{lines}"
    );
    assert!(lines.contains("at 2: 0 lines"), "{lines}");
    let picture = fs::read_to_string(&svg).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("Z\"/>"),
        "{picture}"
    );
    // What was written is read as an outline, and written in the other format.
    let dxf = path("slice.dxf");
    let outlined = run(&["mesh", "outline", &svg, "-o", &dxf]);
    assert!(outlined.status.success(), "{}", text(&outlined.stderr));
    let told = text(&outlined.stdout);
    assert!(
        told.contains("1 line, length 10.000000, area 6.000000"),
        "{told}"
    );
    let again = run(&["mesh", "outline", &dxf, "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["polylines"][0]["area"], 6.0);
    assert_eq!(again["file"]["format"], "dxf");
    let json: Value =
        serde_json::from_slice(&run(&["mesh", "slice", &obj, "--step", "0.5", "--json"]).stdout)
            .unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[1]["height"], 0.75);
    assert_eq!(json[1]["polylines"][0]["closed"], true);
}

#[test]
fn a_model_that_cannot_be_read_costs_itself_and_the_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (good, bad, out) = (path("good.obj"), path("bad.obj"), path("out.stl"));
    fs::write(&good, BOX).unwrap();
    fs::write(&bad, BOX.replace("f 1 3 4 2", "f 1 3 4 99")).unwrap();
    let told = run(&["mesh", "info", &bad, &good]);
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told.stdout).contains("good.obj") && text(&told.stderr).contains("bad.obj"));
    for arguments in [
        &["mesh", "convert", &bad, &out][..],
        &["mesh", "convert", &good, "out.obj"],
        &["mesh", "convert", &good, &out, "--memory", "64K"],
        &["mesh", "slice", &good, "--at", "1", "-o", "out.png"],
        &["mesh", "outline", &good],
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(!refused.stderr.is_empty());
    }
    assert!(fs::metadata(&out).is_err());
    assert_eq!(
        run(&["mesh", "slice", &good]).status.code(),
        Some(2),
        "no height"
    );
}
