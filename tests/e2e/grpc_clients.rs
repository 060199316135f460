//! Clients that nobody here wrote walk through the gRPC API of the built component.
//! They come from their registries, at the versions that `grpc/` names, and are
//! kept below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use rollcall_testkit::build::workspace;
use serde_json::json;

use crate::service::{ADMIN, PASSWORD, Service, builder};

/// Nobody installs what another one is about to use.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Where the scripts are, and what they need.
fn scripts() -> PathBuf {
    workspace().join("tests/e2e/grpc")
}

/// A service of its own, with its admin.
async fn service() -> Service {
    let service = Service::start(&builder());
    service.admin().await;
    service
}

/// Runs a command to its end and returns what it printed; fails if it does.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{printed}");
    printed
}

/// The folder of a client, made by `install` unless it was by the same list.
fn installed(name: &str, list: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let _alone = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = workspace().join("target/clients").join(name);
    let wanted = fs::read_to_string(scripts().join(list)).unwrap();
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).ok().as_ref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        install(&folder);
        fs::write(mark, wanted).unwrap();
    }
    folder
}

fn python() -> PathBuf {
    let folder = installed("python", "requirements.txt", |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")));
        run(Command::new(folder.join("venv/bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(scripts().join("requirements.txt")));
    });
    folder.join("venv/bin/python")
}

fn node_modules() -> PathBuf {
    let folder = installed("node", "package.json", |folder| {
        fs::copy(scripts().join("package.json"), folder.join("package.json")).unwrap();
        let arguments = ["install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
        run(Command::new("npm").args(arguments).current_dir(folder));
    });
    folder.join("node_modules")
}

fn address(service: &Service) -> String {
    format!("127.0.0.1:{}", service.host.port)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_walks_through() {
    let python = python();
    let service = service().await;
    let mut walk = Command::new(python);
    walk.arg(scripts().join("walkthrough.py")).args([&address(&service), ADMIN, PASSWORD]);
    assert_eq!(run(&mut walk), "walked through\n");
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_js_walks_through() {
    let modules = node_modules();
    let service = service().await;
    let mut walk = Command::new("node");
    walk.arg(scripts().join("walkthrough.cjs"))
        .args([&address(&service), ADMIN, PASSWORD])
        .env("NODE_PATH", modules)
        .env("ROLLCALL_SOURCE", workspace());
    assert_eq!(run(&mut walk), "walked through\n");
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn buf_calls_by_reflection_and_by_grpc_web() {
    let modules = node_modules();
    let service = service().await;
    let curl = |protocol: &str, method: &str, token: &str, request: serde_json::Value| {
        let url = format!("{}/rollcall.v1.{method}", service.host.base_url);
        let mut curl = Command::new(modules.join(".bin/buf"));
        curl.args(["curl", "--http2-prior-knowledge", "--protocol", protocol])
            .args(["-H", &format!("authorization: Bearer {token}")])
            .args(["-d", &request.to_string(), &url]);
        serde_json::from_str::<serde_json::Value>(&run(&mut curl)).unwrap()
    };
    for protocol in ["grpc", "grpcweb"] {
        let credentials = json!({"email": ADMIN, "password": PASSWORD});
        let signed_in = curl(protocol, "SessionService/SignIn", "", credentials);
        let token = signed_in["signedIn"]["accessToken"].as_str().unwrap();
        let list = curl(protocol, "UserService/ListUsers", token, json!({"limit": 1}));
        assert_eq!(list["items"][0]["email"], ADMIN);
    }
}
