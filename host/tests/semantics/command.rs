//! The command line, the manifest and what surrounds a guest.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rollcall_testkit::{Host, build};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Client, guest, guest_folder};

/// A folder with the guest's manifest in it, changed.
fn changed_manifest(change: impl FnOnce(String) -> String) -> TempDir {
    let component = build::component("rollcall-host-guest");
    let folder = tempfile::tempdir().expect("a folder");
    let source = fs::read_to_string(guest_folder().join("spin.toml")).expect("a manifest");
    let (before, rest) = source.split_once("source = \"").expect("a source");
    let (_, after) = rest.split_once('"').expect("the end of it");
    let source = format!("{before}source = \"{}\"{after}", component.display());
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("spin.toml"), change(source)).expect("it is written");
    folder
}

/// What a start says that has to be refused.
fn refusal(folder: &Path) -> String {
    let refused = Host::builder(folder)
        .variable("name", "World")
        .try_start()
        .err()
        .expect("it does not start");
    let code = refused.status.and_then(|status| status.code());
    assert_eq!(code, Some(1), "{}", refused.stderr);
    refused.stderr
}

fn run(arguments: &[&str]) -> Output {
    Command::new(build::host()).args(arguments).output().expect("the host can be run")
}

#[tokio::test]
async fn fields_that_it_does_not_know_are_refused_by_their_paths() {
    let folder = changed_manifest(|manifest| {
        manifest.replace("[component.guest]\n", "[component.guest]\nfoo = 1\n")
            + "\n[component.guest.profile.debug]\nsource = 'x'\n[application.bar]\nbaz = 1\n"
    });
    let text = refusal(folder.path());
    assert!(
        text.contains(
            "unknown fields application.bar, component.guest.foo, component.guest.profile"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn manifests_that_make_no_sense_are_refused() {
    for (from, to, reason) in [
        ("spin_manifest_version = 2", "spin_manifest_version = 1", "only 2 is known"),
        ("component = \"guest\"", "component = \"ghost\"", "there is no component \"ghost\""),
        (
            "required = true",
            "secret = false",
            "variables.name: needs a default, or required = true",
        ),
        ("{{ greeting }}", "{{ farewell }}", "no variable \"farewell\""),
        ("{{ name }}", "{{ name", "unmatched '{{'"),
        (
            "{{ outbound }}",
            "example.com",
            "allowed_outbound_hosts: \"example.com\": it has no scheme",
        ),
        (
            "sqlite_databases = [\"default\"]",
            "sqlite_databases = [\"users\"]",
            "define [sqlite_database.users] in a runtime configuration file",
        ),
        (
            "key_value_stores = [\"default\"]",
            "key_value_stores = [\"cache\"]",
            "define [key_value_store.cache] in a runtime configuration file",
        ),
        ("source = \"src\"", "source = \"nowhere\"", "is no folder"),
        ("name = \"guest\"", "", "missing field `name`"),
    ] {
        let folder = changed_manifest(|manifest| {
            assert!(manifest.contains(from), "{from}");
            manifest.replace(from, to)
        });
        let text = refusal(folder.path());
        assert!(text.contains(reason), "{from} -> {to}: {text}");
    }
}

#[tokio::test]
async fn a_component_that_is_not_there_is_named() {
    let folder = changed_manifest(|manifest| manifest.replace(".wasm", ".gone"));
    let text = refusal(folder.path());
    assert!(text.contains("component \"guest\": its source"), "{text}");
    assert!(text.contains("run with --build"), "{text}");
}

#[tokio::test]
async fn an_import_that_it_does_not_implement_is_refused_by_its_name() {
    let folder = changed_manifest(|manifest| manifest);
    let text = r#"(component (import "spin:mqtt/mqtt@3.0.0" (instance)))"#;
    // An instance without anything in it needs nothing.
    let with_a_function = text.replace("(instance)", r#"(instance (export "open" (func)))"#);
    let component = wat::parse_str(with_a_function).expect("a component");
    fs::write(folder.path().join("mqtt.wasm"), component).expect("it is written");
    let manifest = folder.path().join("spin.toml");
    let source = fs::read_to_string(&manifest).expect("a manifest");
    let guest = build::component("rollcall-host-guest");
    fs::write(&manifest, source.replace(guest.to_str().expect("UTF-8"), "mqtt.wasm"))
        .expect("it is written");

    let text = refusal(folder.path());

    assert!(text.contains("it imports what this host does not implement"), "{text}");
    assert!(text.contains("spin:mqtt/mqtt@3.0.0"), "{text}");
}

#[tokio::test]
async fn a_module_that_is_no_component_is_refused() {
    let folder = changed_manifest(|manifest| manifest.replace(".wasm", ".txt"));
    let component = build::component("rollcall-host-guest").with_extension("txt");
    fs::write(&component, "not WebAssembly").expect("it is written");
    let text = refusal(folder.path());
    fs::remove_file(&component).expect("it goes");
    assert!(text.contains("cannot load"), "{text}");
}

#[tokio::test]
async fn a_required_variable_without_a_value_is_named() {
    build::component("rollcall-host-guest");
    let refused = Host::builder(guest_folder()).try_start().err().expect("it does not start");
    assert!(
        refused.stderr.contains(
            "required variables have no value: name; \
             set each with --variable NAME=VALUE or SPIN_VARIABLE_NAME"
        ),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_variable_comes_from_the_command_line_then_the_environment_then_its_default() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "from a file").expect("it is written");
    let from_file = format!("@{}", file.path().display());
    for (builder, salutation) in [
        (guest(), "hello, World!"),
        (guest().env("SPIN_VARIABLE_GREETING", "hi"), "hi, World!"),
        (guest().env("SPIN_VARIABLE_NAME", "you"), "hello, World!"),
        (guest().variable("greeting", "moin").env("SPIN_VARIABLE_GREETING", "hi"), "moin, World!"),
        (guest().variable("greeting", &from_file), "from a file, World!"),
        (guest().variable("greeting", "a=b"), "a=b, World!"),
    ] {
        let host = builder.start();
        let value = Client::new(&host).get("/variable?name=salutation").await;
        assert_eq!(value.text(), salutation, "{builder:?}");
    }
}

#[tokio::test]
async fn a_guest_has_only_the_variables_of_its_component() {
    let host = guest().start();
    let client = Client::new(&host);
    let undefined = client.get("/variable?name=greeting").await.text();
    assert_eq!(undefined, r#"Error::Undefined("no variable for \"guest\".\"greeting\"")"#);
    let invalid = client.get("/variable?name=Greeting").await.text();
    assert!(invalid.starts_with("Error::InvalidName("), "{invalid}");
}

#[tokio::test]
async fn a_variable_that_is_not_declared_cannot_be_set() {
    let refused = guest().variable("nmae", "x").try_start().err();
    let stderr = refused.expect("it does not start").stderr;
    assert!(stderr.contains("declares no variable \"nmae\""), "{stderr}");
}

#[tokio::test]
async fn a_guest_sees_its_environment_its_files_and_the_time() {
    let host = guest().env("SECRET", "not for guests").start();
    let client = Client::new(&host);

    let environment = client.get("/environment").await.json();
    assert_eq!(environment, json!({ "COLOUR": "teal" }));

    let size = fs::metadata(guest_folder().join("src/lib.rs")).expect("a file").len();
    let file = client.get("/file?name=/source/lib.rs").await.text();
    assert_eq!(file, format!("{size} bytes"));
    let outside = client.get("/file?name=/source/../Cargo.toml").await.text();
    assert_ne!(outside, "", "{outside}");
    assert!(!outside.ends_with("bytes"), "{outside}");

    let now = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        since.as_millis()
    };
    let before = now();
    let clock = client.get("/clock").await.json();
    let wall = u128::from(clock["wall_ms"].as_u64().expect("a time"));
    assert!((before..=now()).contains(&wall), "{clock}");
    assert!(clock["nap_ms"].as_u64().expect("a time") >= 20, "{clock}");
    let random = [client.get("/random").await.text(), client.get("/random").await.text()];
    assert_ne!(random[0], random[1]);
}

#[tokio::test]
async fn what_a_guest_prints_goes_to_the_terminal_and_to_the_logs() {
    let state = tempfile::tempdir().expect("a folder");
    let log = |name: &str| fs::read_to_string(state.path().join("logs").join(name));
    let print = async |builder: &rollcall_testkit::host::Builder, text: &str| {
        let host = builder.start();
        let client = Client::new(&host);
        let mut request = client.request(http::Method::POST, "/print");
        *request.body_mut() = text.to_owned().into();
        client.send(request).await;
        host
    };
    let builder = guest().state_dir(state.path());

    let host = print(&builder, "loud").await;
    host.wait_for_stderr("loud");
    let quiet = print(&builder.clone().arg("--quiet"), "quiet").await;

    assert!(host.stdout().contains("\nloud\n"), "{}", host.stdout());
    for output in [quiet.stdout(), quiet.stderr()] {
        assert!(!output.contains("quiet\n"), "{output}");
    }
    for name in ["guest_stdout.txt", "guest_stderr.txt"] {
        assert_eq!(log(name).expect("a log"), "loud\nquiet\n", "{name}");
    }
}

#[tokio::test]
async fn statements_and_keys_are_prepared_at_every_start() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(
        file.path(),
        "CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)",
    )
    .expect("it is written");
    let state = tempfile::tempdir().expect("a folder");
    let builder = guest()
        .state_dir(state.path())
        .arg("--sqlite")
        .arg(format!("@{}", file.path().display()))
        .arg("--sqlite")
        .arg("INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)")
        .arg("--key-value")
        .arg("a=b=c");
    for rows in [[[1], [2], [3]].as_slice(), &[[1], [2], [3], [1], [2], [3]]] {
        let host = builder.start();
        let client = Client::new(&host);
        let script = json!({ "statements": [{ "sql": "SELECT a FROM t" }] });
        let outcome = client.post("/sqlite", script).await;
        assert_eq!(outcome["statements"][0]["rows"], json!(rows));
        let script = json!({ "operations": [{ "get": "a" }] });
        assert_eq!(client.post("/key-value", script).await, json!(["b=c"]));
    }
}

#[tokio::test]
async fn a_runtime_configuration_says_where_databases_are() {
    let folder = changed_manifest(|manifest| {
        manifest.replace("sqlite_databases = [", "sqlite_databases = [\"users\", ")
    });
    let database = folder.path().join("deep/down/users.db");
    let config = folder.path().join("runtime-config.toml");
    let text = format!(
        "[sqlite_database.users]\ntype = 'spin'\npath = '{}'\n\
         [key_value_store.default]\ntype = 'spin'\npath = 'beside.db'\n",
        database.display()
    );
    fs::write(&config, &text).expect("it is written");
    let builder = Host::builder(folder.path()).variable("name", "World").runtime_config(&config);
    let host = builder.start();
    let client = Client::new(&host);

    let create = json!({ "label": "users", "statements": [{ "sql": "CREATE TABLE t (a)" }] });
    client.post("/sqlite", create).await;
    let set = json!({ "operations": [{ "set": ["a", "b"] }] });
    client.post("/key-value", set).await;

    assert!(database.is_file());
    assert!(folder.path().join("beside.db").is_file());
    fs::write(&config, text + "[llm_compute]\ntype = 'spin'\n").expect("it is written");
    let refused = builder.try_start().err().expect("it does not start");
    assert!(refused.stderr.contains("unknown field llm_compute"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_build_command_runs_first_when_it_is_asked_for() {
    let folder = changed_manifest(|manifest| {
        manifest.replace(
            "command = \"cargo build --release --target wasm32-wasip2\"",
            "command = [\"echo one > built\", \"echo two >> built\"]\nworkdir = \"src\"",
        )
    });
    let built = folder.path().join("src/built");
    let builder = Host::builder(folder.path()).variable("name", "World");
    drop(builder.start());
    assert!(!built.exists());

    drop(builder.arg("--build").start());

    assert_eq!(fs::read_to_string(built).expect("it was built"), "one\ntwo\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_and_sigterm_end_it_with_success_whatever_is_under_way() {
    for end in [Host::stop, Host::interrupt] {
        let host = guest().start();
        let client = Client::new(&host);
        let request = tokio::spawn(async move { client.get("/sleep?ms=60000&name=a").await });
        host.wait_for_stderr("a sleeps");

        let status = end(host).expect("it ends by itself");

        assert_eq!(status.code(), Some(0));
        assert!(request.await.is_err(), "the request got an answer");
    }
}

#[tokio::test]
async fn an_address_in_use_is_an_error_or_another_port() {
    let host = guest().start();
    let taken = guest().listen(&format!("127.0.0.1:{}", host.port));

    let refused = taken.try_start().err().expect("it does not start");
    let reason = format!("127.0.0.1:{} is in use; try --find-free-port", host.port);
    assert!(refused.stderr.contains(&reason), "{}", refused.stderr);

    let other = taken.arg("--find-free-port").start();
    assert!((host.port + 1..host.port + 10).contains(&other.port), "{}", other.port);
}

#[test]
fn a_wrong_command_line_is_an_error_of_its_own() {
    for arguments in [
        &["down"][..],
        &["up", "--listen", "nowhere"],
        &["up", "--variable", "novalue"],
        &["up", "--max-instance-reuse-count", "0"],
        &["up", "--max-instance-reuse-count", "5..5"],
        &["up", "--request-timeout", "5 minutes"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_ne!(output.stderr, b"", "{arguments:?}");
    }
}

#[test]
fn it_tells_its_version_its_flags_and_how_to_complete_them() {
    let version = run(&["--version"]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        concat!("rollcall-host ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = String::from_utf8(run(&["up", "--help"]).stdout).expect("text");
    let completions = String::from_utf8(run(&["completions", "bash"]).stdout).expect("text");
    for flag in ["--from", "--listen", "--variable", "--state-dir", "--idle-instance-timeout"] {
        assert!(help.contains(flag), "{flag}: {help}");
        assert!(completions.contains(flag), "{flag}");
    }
}
