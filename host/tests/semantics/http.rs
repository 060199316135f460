//! How requests reach a guest, and its answers the client.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use http::{HeaderValue, Method, StatusCode};
use rollcall_testkit::{Host, build};
use serde_json::{Value, json};

use crate::support::{Answer, Client, guest};

/// The values that the guest got of a header, in their order.
fn values<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    seen["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .filter(|header| header[0] == name)
        .filter_map(|header| header[1].as_str())
        .collect()
}

#[tokio::test]
async fn the_headers_of_spin_come_after_those_of_the_client() {
    let host = guest().start();
    let client = Client::new(&host);
    let mut request = client.request(Method::GET, "/headers?a=1");
    let headers = request.headers_mut();
    headers.insert("spin-client-addr", HeaderValue::from_static("6.6.6.6:66"));
    headers.insert("spin-full-url", HeaderValue::from_static("http://evil/"));

    let seen = client.send(request).await.json();

    let addresses = values(&seen, "spin-client-addr");
    assert_eq!(addresses.len(), 2);
    assert_eq!(addresses[0], "6.6.6.6:66");
    assert!(addresses[1].starts_with("127.0.0.1:"), "{addresses:?}");
    let url = format!("{}/headers?a=1", host.base_url);
    assert_eq!(values(&seen, "spin-full-url"), ["http://evil/", &url]);
    assert_eq!(seen["uri"], url);
}

#[tokio::test]
async fn a_route_gives_its_parameters_and_the_rest_of_the_path() {
    let host = guest().start();
    let client = Client::new(&host);

    let seen = client.get("/users/7/posts/a/b/").await.json();

    for (name, value) in [
        ("spin-path-match-id", "7"),
        ("spin-path-info", "/a/b/"),
        ("spin-matched-route", "/users/:id/posts/..."),
        ("spin-raw-component-route", "/users/:id/posts/..."),
        ("spin-component-route", "/users/:id/posts"),
        ("spin-base-path", "/"),
    ] {
        assert_eq!(values(&seen, name), [value], "{name}");
    }
    for (path, route, path_info) in [
        ("/exact", "/exact", ""),
        ("/exact/more", "/...", "/exact/more"),
        ("/users/7/posts", "/users/:id/posts/...", ""),
        ("/users/7", "/...", "/users/7"),
    ] {
        let seen = client.get(path).await.json();
        assert_eq!(values(&seen, "spin-matched-route"), [route], "{path}");
        assert_eq!(values(&seen, "spin-path-info"), [path_info], "{path}");
    }
}

#[tokio::test]
async fn the_connection_header_stays_with_the_host() {
    let host = guest().start();
    let client = Client::new(&host);
    let mut request = client.request(Method::GET, "/headers");
    let keep_alive = HeaderValue::from_static("keep-alive");
    request.headers_mut().insert("connection", keep_alive);

    let seen = client.send(request).await.json();

    assert_eq!(values(&seen, "connection"), [""; 0]);
}

#[tokio::test]
async fn a_header_that_is_not_utf8_is_answered_with_an_empty_500() {
    let host = guest().start();
    let client = Client::new(&host);
    let mut request = client.request(Method::GET, "/headers");
    let latin1 = HeaderValue::from_bytes(b"caf\xe9").expect("a header value");
    request.headers_mut().insert("x-drink", latin1);

    assert_empty(&client.send(request).await, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_request_without_a_host_gets_no_answer() {
    let host = guest().start();
    let mut stream = TcpStream::connect(("127.0.0.1", host.port)).expect("a connection");
    stream.write_all(b"GET /headers HTTP/1.0\r\n\r\n").expect("it is sent");

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it ends");

    assert_eq!(answer, b"");
}

#[tokio::test]
async fn an_error_of_the_handler_is_an_empty_500_and_not_the_end_of_the_instance() {
    let host = guest().start();
    let client = Client::new(&host);
    let before = client.get("/instance").await.json();

    let answer = client.get("/error").await;

    assert_empty(&answer, StatusCode::INTERNAL_SERVER_ERROR);
    let after = client.get("/instance").await.json();
    assert_eq!(before["instance"], after["instance"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_takes_every_request_of_its_instance() {
    let host = guest().start();
    let client = Client::new(&host);
    let mut neighbours = Vec::new();
    for name in ["a", "b", "c"] {
        let client = client.clone();
        let path = format!("/sleep?ms=20000&name={name}");
        neighbours.push(tokio::spawn(async move { client.get(&path).await }));
        host.wait_for_stderr(&format!("{name} sleeps in "));
    }

    // A trap may find them busy and get an instance of its own: that is no
    // neighbour, and the next one tries again.
    let mut traps = (1..).map(|number| format!("trap {number}"));
    let shared = loop {
        let trap = traps.next().expect("there is no end of them");
        let path = format!("/trap?ms=0&name={}", trap.replace(' ', "+"));
        assert_empty(&client.get(&path).await, StatusCode::INTERNAL_SERVER_ERROR);
        host.wait_for_stderr(&format!("{trap} sleeps in "));
        let instances = instances(&host.stderr());
        let shared = ["a", "b", "c"].map(|name| instances[name] == instances[&trap]);
        if shared.contains(&true) {
            break shared;
        }
    };

    for (neighbour, shared) in neighbours.into_iter().zip(shared) {
        if shared {
            let answer = neighbour.await.expect("an answer");
            assert_empty(&answer, StatusCode::INTERNAL_SERVER_ERROR);
        } else {
            neighbour.abort();
        }
    }
}

/// Which instance each request says that it is in.
fn instances(stderr: &str) -> BTreeMap<String, String> {
    stderr
        .lines()
        .filter_map(|line| line.split_once(" sleeps in "))
        .map(|(name, instance)| (name.to_owned(), instance.to_owned()))
        .collect()
}

#[tokio::test]
async fn an_instance_serves_so_many_requests_and_no_more() {
    let host = guest().arg("--max-instance-reuse-count").arg("3").start();
    let client = Client::new(&host);
    let mut served: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..20 {
        let seen = client.get("/instance").await.json();
        let instance = seen["instance"].as_str().expect("an instance").to_owned();
        served.entry(instance).or_default().extend(seen["request"].as_u64());
    }
    assert!(served.len() >= 7, "{served:?}");
    for requests in served.values() {
        let counted: Vec<u64> = (1..=requests.len() as u64).collect();
        assert_eq!(*requests, counted);
        assert!(requests.len() <= 3, "{served:?}");
    }
}

#[tokio::test]
async fn by_default_an_instance_serves_128_requests() {
    let host = guest().start();
    let client = Client::new(&host);
    let mut highest = 0;
    for _ in 0..300 {
        let seen = client.get("/instance").await.json();
        highest = highest.max(seen["request"].as_u64().expect("a number"));
    }
    assert_eq!(highest, 128);
}

#[tokio::test]
async fn requests_that_overlap_share_an_instance_only_if_they_may() {
    let host = guest().arg("--max-instance-concurrent-reuse-count").arg("1").start();
    let client = Client::new(&host);
    let overlapping = (0..4).map(|_| client.get("/instance?ms=300"));

    let answers = futures::future::join_all(overlapping).await;

    let instances: BTreeSet<_> =
        answers.iter().map(|answer| answer.json()["instance"].to_string()).collect();
    assert_eq!(instances.len(), 4);
}

#[tokio::test]
async fn an_idle_instance_goes() {
    let host = guest().arg("--idle-instance-timeout").arg("10ms").start();
    let client = Client::new(&host);
    let first = client.get("/instance").await.json();
    let is_gone = async {
        while client.get("/instance").await.json()["instance"] == first["instance"] {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), is_gone)
        .await
        .expect("another instance");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_an_empty_500() {
    let host = guest().arg("--request-timeout").arg("200ms").start();
    let client = Client::new(&host);

    assert_eq!(client.get("/sleep?ms=0&name=a").await.text(), "slept 0 ms");
    let late = client.get("/sleep?ms=60000&name=b").await;

    assert_empty(&late, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn http_1_and_http_2_are_served_on_one_port_with_trailers() {
    let host = guest().start();
    for client in [Client::new(&host), Client::http2(&host)] {
        let mut request = client.request(Method::GET, "/trailers");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let answer = client.send(request).await;
        assert_eq!(answer.text(), "body");
        if let Some(trailers) = answer.trailers {
            assert_eq!(trailers["x-checksum"], "42");
        } else {
            // HTTP/1.1 has no place for them beside a Content-Length.
            assert_eq!(answer.headers["content-length"], "4");
        }
    }
    let trailers = Client::http2(&host).get("/trailers").await.trailers;
    assert_eq!(trailers.expect("trailers over HTTP/2")["x-checksum"], "42");
}

#[tokio::test]
async fn a_body_goes_through_as_it_is() {
    let host = guest().start();
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    for client in [Client::new(&host), Client::http2(&host)] {
        let mut request = client.request(Method::POST, "/echo");
        *request.body_mut() = body.clone().into();
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body == body, "{} bytes came back", answer.body.len());
    }
}

#[tokio::test]
async fn the_well_known_paths_are_the_hosts() {
    let host = guest().start();
    let client = Client::new(&host);

    assert_eq!(client.get("/.well-known/spin/health").await.text(), "OK");
    let info = client.get("/.well-known/spin/info").await;
    assert_eq!(info.headers["content-type"], "application/json");
    assert_eq!(info.json(), json!({ "name": "guest", "version": "1.2.3" }));
    let other = client.get("/.well-known/spin/other").await;
    assert_empty(&other, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_path_without_a_route_is_an_empty_404() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = build::component("rollcall-host-guest");
    let manifest = format!(
        "spin_manifest_version = 2
         [application]
         name = 'small'
         [[trigger.http]]
         route = '/exact'
         component = 'guest'
         [component.guest]
         source = '{}'",
        component.display()
    );
    std::fs::write(folder.path().join("spin.toml"), manifest).expect("a manifest");
    let host = Host::builder(folder.path()).start();
    let client = Client::new(&host);

    assert_eq!(client.get("/exact").await.status, StatusCode::OK);
    for path in ["/", "/exact/more", "/other"] {
        assert_empty(&client.get(path).await, StatusCode::NOT_FOUND);
    }
}

fn assert_empty(answer: &Answer, status: StatusCode) {
    assert_eq!((answer.status, answer.text().as_str()), (status, ""));
}
