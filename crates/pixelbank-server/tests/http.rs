//! What every client meets: methods, hosts, tokens, cross-origin rules, the page, the list, and how the server starts.

mod support;

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use pixelbank_server::{Error, Server};
use support::{options, serve, start};

fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, "not an image").expect("written");
    }
    folder
}

#[test]
fn what_cannot_be_served_is_said_with_its_cause() {
    let folder = folder_with(&["a.jpg"]);
    let fail = |path: &Path| {
        Server::bind(options(path))
            .expect_err("refused")
            .to_string()
    };
    let missing = folder.path().join("missing");
    assert!(fail(&missing).contains("missing: there is no such folder"));
    assert!(fail(&folder.path().join("a.jpg")).contains("this is a file"));

    let running = serve(folder.path());
    let mut taken = options(folder.path());
    taken.address = running.address;
    let message = Server::bind(taken).expect_err("refused").to_string();
    let port = running.address.port().to_string();
    assert!(
        message.contains(&port) && message.contains("taken"),
        "{message}"
    );
    assert!(message.contains("port 0"), "{message}");

    let mut open = options(folder.path());
    open.address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    assert!(matches!(Server::bind(open), Err(Error::TokenNeeded(_))));
}

#[test]
fn the_page_and_the_simple_addresses_are_there() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").is_some());
    assert_eq!(server.get("/healthz").text(), "ok");
    let metrics = server.get("/metrics");
    assert!(
        metrics
            .text()
            .contains("pixelbank_requests_total{route=\"Page\",status=\"200\"}")
    );
    let missing = server.get("/api/nothing");
    assert_eq!(missing.status, 404);
    assert!(missing.json()["error"].is_string());
    assert_eq!(server.get("/nothing").status, 404);
    assert_eq!(server.ask("DELETE", "/api/images", &[]).status, 405);
    assert_eq!(server.ask("POST", "/", &[]).status, 405);
    assert_eq!(server.ask("HEAD", "/", &[]).status, 200);
}

#[test]
fn the_list_has_every_image_and_says_how_far_it_is() {
    let folder = folder_with(&["b/two.JPG", "a.png", "b/c/three.tif", "b/notes.txt"]);
    let server = serve(folder.path());
    let list = server.listing();
    assert_eq!(list["total"], 3);
    assert_eq!(list["scan"]["found"], 3);
    assert_eq!(list["scan"]["indexed"], 3);
    let ids: Vec<_> = list["images"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|i| i["id"].clone())
        .collect();
    assert_eq!(ids, ["a.png", "b%2Fc%2Fthree.tif", "b%2Ftwo.JPG"]);
    // None of them is an image, and the list says so.
    assert!(list["images"][0]["error"].is_string());
    assert!(list["images"][0]["width"].is_null());

    let page = server
        .get("/api/images?sort=name&order=desc&offset=1&limit=1&folder=b")
        .json();
    assert_eq!((&page["total"], &page["offset"]), (&2.into(), &1.into()));
    assert_eq!(page["images"][0]["path"], "b/c/three.tif");
    let aspects = server.get("/api/aspects?folder=b").json();
    assert_eq!(aspects["aspects_permille"], serde_json::json!([0, 0]));
    let folders = server.get("/api/folders").json();
    let folders: Vec<_> = folders["folders"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|f| {
            (
                f["path"].as_str().expect("text").to_owned(),
                f["count"].as_u64().expect("a number"),
            )
        })
        .collect();
    assert_eq!(
        folders,
        [("".into(), 3), ("b".into(), 2), ("b/c".into(), 1)]
    );

    for bad in [
        "limit=2001",
        "limit=x",
        "offset=-1",
        "sort=size",
        "order=up",
    ] {
        let answer = server.get(&format!("/api/images?{bad}"));
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].is_string(), "{bad}");
    }
}

#[test]
fn a_rescan_lists_what_is_new() {
    let folder = folder_with(&["a.png"]);
    let server = serve(folder.path());
    let before = server.listing();
    std::fs::write(folder.path().join("b.png"), "x").expect("written");
    assert_eq!(server.ask("POST", "/api/rescan", &[]).status, 202);
    while server.listing()["total"] != 2 {}
    let after = server.listing();
    assert!(after["revision"].as_u64() > before["revision"].as_u64());
    let elsewhere = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(server.ask("POST", "/api/rescan", &elsewhere).status, 403);
}

#[test]
fn the_ledger_is_told() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    let ledger = server.get("/api/ledger").json();
    assert_eq!(ledger["host"]["limit_bytes"], 128u64 << 20);
    assert!(ledger["process"]["resident_bytes"].as_u64() > Some(0));
    assert_eq!(ledger["history"]["interval_ms"], 1000);
    assert!(ledger["history"]["times_ms"].is_array());
    assert!(
        server
            .get("/api/ledger?history=0")
            .json()
            .get("history")
            .is_none()
    );
}

#[test]
fn a_mark_is_set_by_the_own_page_alone() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    assert!(server.get("/api/ledger").json()["mark"].is_null());
    let elsewhere = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(server.ask("POST", "/api/mark", &elsewhere).status, 403);
    assert_eq!(server.get("/api/mark").status, 405);
    let mark = server.ask("POST", "/api/mark", &[]).json();
    assert_eq!(mark["generation"], 1);
    let ledger = server.get("/api/ledger").json();
    assert_eq!(ledger["mark"], mark);
    let events = ledger["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event["kind"] == "marked"));
    let types = ledger["types"].as_array().expect("types");
    assert!(types.iter().all(|row| row["since_mark"]["generation"] == 1));
}

#[test]
fn names_from_elsewhere_and_bodies_are_refused() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    for path in ["/", "/api/images", "/iiif/3/a.png/info.json"] {
        let answer = server.ask("GET", path, &[("Host", "evil.example")]);
        assert_eq!(answer.status, 421, "{path}");
    }
    let answer = server.ask("POST", "/api/rescan", &[("Content-Length", "1000000")]);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    let long = "x".repeat(40_000);
    let mut connection = server.connect();
    connection.send("GET", b"/healthz", &[("Cookie", &long)]);
    // It is told 431, unless the connection breaks before it has read that: it sends more than is taken.
    let mut told = Vec::new();
    let _ = connection.reader.read_to_end(&mut told);
    assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 431"));
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_token_is_wanted_for_everything_but_leave_to_ask() {
    let folder = folder_with(&[]);
    let mut options = options(folder.path());
    options.address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    options.token = Some("s3cret".into());
    let server = start(options);
    assert!(server.url.ends_with("/?token=s3cret"), "{}", server.url);
    for path in [
        "/",
        "/api/images",
        "/metrics",
        "/healthz",
        "/iiif/3/a.png",
        "/assets/x.js",
    ] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(
        server.get("/api/images").header("content-type"),
        Some("application/json")
    );
    assert_eq!(server.ask("OPTIONS", "/iiif/3/a.png", &[]).status, 204);

    let opened = server.get("/?token=s3cret");
    assert_eq!((opened.status, opened.header("location")), (303, Some("/")));
    let cookie = opened.header("set-cookie").expect("a cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite="),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().expect("name and value");
    assert_eq!(server.ask("GET", "/", &[("Cookie", cookie)]).status, 200);
    assert_eq!(
        server
            .ask("GET", "/api/images", &[("Authorization", "Bearer s3cret")])
            .status,
        200
    );
    assert_eq!(server.get("/api/images?token=s3cret").status, 200);
    assert_eq!(server.get("/api/images?token=S3cret").status, 401);
}

#[test]
fn iiif_addresses_are_open_to_pages_from_elsewhere() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    let preflight = server.ask(
        "OPTIONS",
        "/iiif/3/a.png/info.json",
        &[
            ("Origin", "http://viewer.example"),
            ("Access-Control-Request-Method", "GET"),
        ],
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert!(
        preflight
            .header("access-control-allow-methods")
            .is_some_and(|m| m.contains("GET"))
    );
    for path in [
        "/iiif/3/a.png",
        "/iiif/3/x/info.json",
        "/iiif/3/x/bad/max/0/default.jpg",
        "/iiif/9/x",
    ] {
        let answer = server.get(path);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{path}"
        );
    }
    assert_eq!(
        server
            .get("/api/images")
            .header("access-control-allow-origin"),
        None
    );
    let posted = server.ask("POST", "/iiif/3/a.png/info.json", &[]);
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn the_base_address_redirects_to_the_description() {
    let folder = folder_with(&[]);
    let server = serve(folder.path());
    let answer = server.get("/iiif/3/a%2Fb%20c.png");
    let expected = format!("http://{}/iiif/3/a%2Fb%20c.png/info.json", server.address);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(expected.as_str()))
    );
    let forwarded = [
        ("X-Forwarded-Host", "photos.example"),
        ("X-Forwarded-Proto", "https"),
    ];
    let answer = server.ask("GET", "/iiif/2/a.png", &forwarded);
    assert!(
        answer
            .header("location")
            .is_some_and(|l| l.starts_with("http://127.0.0.1"))
    );

    let mut behind_proxy = options(folder.path());
    behind_proxy.trusts_forwarded = true;
    let server = start(behind_proxy);
    let answer = server.ask("GET", "/iiif/2/a.png", &forwarded);
    assert_eq!(
        answer.header("location"),
        Some("https://photos.example/iiif/2/a.png/info.json")
    );
    for bad in ["a\"b", "a<b>", "a b", "a/b", ""] {
        let answer = server.ask("GET", "/iiif/2/a.png", &[("X-Forwarded-Host", bad)]);
        assert_eq!(answer.status, 400, "{bad:?}");
    }
}

#[test]
fn requests_on_one_connection_are_answered_in_turn() {
    let folder = folder_with(&["a.png"]);
    let server = serve(folder.path());
    let mut connection = server.connect();
    for _ in 0..3 {
        connection.send("GET", b"/healthz", &[]);
        connection.send("GET", b"/iiif/3/a.png", &[]);
    }
    for _ in 0..3 {
        assert_eq!(connection.receive("GET").status, 200);
        assert_eq!(connection.receive("GET").status, 303);
    }
}

#[test]
fn the_first_answer_does_not_wait_for_the_scan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for n in 0..3000 {
        std::fs::write(folder.path().join(format!("{n:04}.jpg")), "x").expect("written");
    }
    let server = serve(folder.path());
    let mut connection = server.connect();
    let mut revision = 0;
    loop {
        let list = connection.ask("GET", "/api/images?limit=1", &[]).json();
        let indexed = list["scan"]["indexed"].as_u64().expect("a number");
        let found = list["scan"]["found"].as_u64().expect("a number");
        assert!(indexed <= found && found <= 3000);
        assert!(list["revision"].as_u64().expect("a number") >= revision);
        revision = list["revision"].as_u64().expect("a number");
        if list["scan"]["state"] == "done" {
            assert_eq!((indexed, found), (3000, 3000));
            break;
        }
    }
}
