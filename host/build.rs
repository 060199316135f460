//! Writes the `bindgen!` call for the interfaces of Spin that a guest imports.
//!
//! The WIT is that of the spin-sdk package which the workspace locks, so host
//! and guest cannot disagree and no copy of it is kept here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What a guest may import, besides WASI. `async` is for the functions that
/// the WIT declares synchronous: the host waits for its databases all the
/// same, and the guest's instance with it. `trappable` is for those that have
/// no error of their own to return.
const OPTIONS: &str = r#"
    inline: "
        package rollcall:host;

        world guest {
            include spin:sdk/spin-sdk-sqlite;
            include spin:sdk/spin-sdk-kv;
            include spin:sdk/spin-sdk-variables;
            include spin:sdk/spin-sdk-pg;
        }
    ",
    world: "rollcall:host/guest",
    imports: {
        "spin:sqlite/sqlite.[method]connection.changes": async | trappable,
        "spin:sqlite/sqlite.[method]connection.changes-async": trappable,
        "spin:sqlite/sqlite.[method]connection.last-insert-rowid": async | trappable,
        "spin:sqlite/sqlite.[method]connection.last-insert-rowid-async": trappable,
        "spin:key-value/key-value.[method]store.get-keys": trappable,
        "spin:postgres/postgres.[constructor]connection-builder": async | trappable,
        default: async,
    },
    with: {
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
        "spin:key-value/key-value.store": crate::key_value::Store,
        "spin:postgres/postgres.connection": crate::postgres::Connection,
        "spin:postgres/postgres.connection-builder": crate::postgres::ConnectionBuilder,
    },
"#;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let wit = spin_sdk().join("wit");
    let call = format!("::wasmtime::component::bindgen!({{\n    path: {wit:?},{OPTIONS}}});\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    fs::write(out.join("bindings.rs"), call).expect("OUT_DIR is writable");
}

/// The folder of the spin-sdk package, as Cargo resolved it.
///
/// With every package in place, `cargo metadata --locked` asks no network.
fn spin_sdk() -> PathBuf {
    let cargo = env::var_os("CARGO").expect("Cargo sets CARGO");
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets CARGO_MANIFEST_DIR");
    let output = Command::new(cargo)
        .current_dir(here)
        .args(["metadata", "--locked", "--format-version=1"])
        .args(["--filter-platform", "wasm32-wasip2"])
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "spin-sdk")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("spin-sdk is a dependency of this package");
    Path::new(manifest).parent().expect("a manifest lies in a folder").to_owned()
}
