//! Builds the programs of this workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace's root folder.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The host's binary: the one that `ROLLCALL_HOST` names, or else
/// `target/release/rollcall-host`, built first. Cargo does nothing when it is
/// fresh.
///
/// # Panics
///
/// When it cannot be built.
pub fn host() -> &'static Path {
    static HOST: OnceLock<PathBuf> = OnceLock::new();
    HOST.get_or_init(|| {
        if let Some(path) = env::var_os("ROLLCALL_HOST") {
            return path.into();
        }
        let mut command = cargo(&["build", "--release", "--locked", "-p", "rollcall-host"]);
        // As in the Makefile: the release profile is the component's, and the
        // host is a tool, whose time to build matters more.
        for (name, value) in HOST_PROFILE {
            command = command.env(name, value);
        }
        command.run();
        target().join("release/rollcall-host")
    })
}

/// The profile of the host, as Cargo takes it from the environment.
const HOST_PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "false"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Builds the component of a package, in the release profile.
///
/// # Panics
///
/// When it cannot be built.
pub fn component(package: &str) -> PathBuf {
    cargo(&["build", "--release", "--locked", "-p", package])
        .args(&["--target", "wasm32-wasip2"])
        .run();
    target().join("wasm32-wasip2/release").join(package.replace('-', "_")).with_extension("wasm")
}

/// Builds the component of a package that only tests run, in the profile
/// `conformance`.
///
/// # Panics
///
/// When it cannot be built.
pub fn component_for_tests(package: &str) {
    cargo(&["build", "--profile", "conformance", "--locked", "-p", package])
        .args(&["--target", "wasm32-wasip2"])
        .run();
}

/// Cargo's target folder.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Lets a command forget what Cargo told this test of its package. A Cargo that it
/// runs would take it for a change, and build again what looks at it, such as ring.
pub fn forget_package(command: &mut Command) -> &mut Command {
    let is_of_package = |name: &str| {
        ["CARGO_MANIFEST_DIR", "OUT_DIR"].contains(&name) || name.starts_with("CARGO_PKG_")
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_package) {
            command.env_remove(name);
        }
    }
    command
}

struct Cargo(Command);

fn cargo(arguments: &[&str]) -> Cargo {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_package(&mut command).current_dir(workspace());
    for (name, _) in HOST_PROFILE {
        // Whoever runs the tests may have set it for them.
        command.env_remove(name);
    }
    Cargo(command).args(arguments)
}

impl Cargo {
    fn args(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    fn run(mut self) {
        let output = self.0.output().expect("cargo can be run");
        assert!(
            output.status.success(),
            "{:?} failed:\n{}",
            self.0,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
