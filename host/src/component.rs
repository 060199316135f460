//! Components: compiled, linked to what they import, and what each may use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Engine, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::{FsPerms, WasiCtx};
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::bindings;
use crate::instance::Guest;
use crate::key_value::{self, KeyValue};
use crate::outbound::Outbound;
use crate::postgres::{self, Postgres};
use crate::sqlite::{self, Sqlite};
use crate::stdio::Output;
use crate::variables::Variables;

/// What the instances of one component may use.
pub(crate) struct Capabilities {
    pub(crate) environment: Vec<(String, String)>,
    /// Folders to read, and where the guest sees them.
    pub(crate) files: Vec<(PathBuf, String)>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) sqlite: Arc<BTreeMap<String, sqlite::Database>>,
    pub(crate) key_value: Arc<BTreeMap<String, Arc<key_value::File>>>,
    pub(crate) postgres: postgres::Server,
    pub(crate) outbound: Outbound,
    pub(crate) variables: Variables,
}

impl Capabilities {
    /// The state of a new instance.
    pub(crate) fn guest(&self) -> Result<Guest> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment).stdout(self.stdout.clone()).stderr(self.stderr.clone());
        for (folder, destination) in &self.files {
            wasi.preopened_dir(folder, destination, FsPerms::ReadOnly)?;
        }
        Ok(Guest {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            outbound: self.outbound.clone(),
            sqlite: Sqlite::new(self.sqlite.clone()),
            key_value: KeyValue::new(self.key_value.clone()),
            postgres: Postgres::new(self.postgres.clone()),
            variables: self.variables.clone(),
        })
    }
}

/// All that a guest may import.
///
/// # Errors
///
/// Never: the interfaces have different names.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::<Guest>::new(engine);
    add_wasi_0_2(&mut linker)?;
    wasmtime_wasi::p3::cli::add_to_linker(&mut linker)?;
    wasmtime_wasi::p3::clocks::add_to_linker(&mut linker)?;
    wasmtime_wasi::p3::random::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::sqlite::add_to_linker::<_, Sqlite>(&mut linker, |guest| &mut guest.sqlite)?;
    bindings::key_value::add_to_linker::<_, KeyValue>(&mut linker, |guest| &mut guest.key_value)?;
    bindings::postgres::add_to_linker::<_, Postgres>(&mut linker, |guest| &mut guest.postgres)?;
    bindings::variables::add_to_linker::<_, Variables>(&mut linker, |guest| &mut guest.variables)?;
    Ok(linker)
}

/// What Rust's standard library and the C library beneath it import: all of
/// WASI 0.2 but sockets.
fn add_wasi_0_2(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, Guest::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, Guest::filesystem)
}

/// Compiles the component in `file`, or takes it from the cache, and links it.
///
/// # Errors
///
/// When it is no component, when it does not export the HTTP handler of
/// WASI 0.3, or when it imports what this host does not have.
pub(crate) fn load(linker: &Linker<Guest>, file: &Path) -> Result<ServicePre<Guest>> {
    let component = Component::from_file(linker.engine(), file)
        .with_context(|| format!("cannot load {}", file.display()))?;
    let instance = linker
        .instantiate_pre(&component)
        .context("it imports what this host does not implement")?;
    ServicePre::new(instance).context("it does not export wasi:http/handler@0.3.0")
}
