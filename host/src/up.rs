//! The command `up`.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, Surroundings};
use crate::cli;
use crate::instance::Reuse;
use crate::key_value::Store;
use crate::manifest::Manifest;
use crate::runtime_config::RuntimeConfig;
use crate::stdio::report;
use crate::variables::Values;
use crate::{component, engine, server};

/// Runs an application until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When it cannot start.
pub(crate) async fn up(arguments: cli::Up) -> Result<()> {
    let manifest = Manifest::read(&arguments.from)?;
    let values = Values::new(
        &manifest.document.variables,
        &arguments.variable.iter().cloned().collect(),
        |name| env::var(name).ok(),
    )?;
    if arguments.build {
        build(&manifest)?;
    }
    let surroundings = surroundings(&arguments, &manifest, values)?;
    prepare_sqlite(&arguments.sqlite, &surroundings)?;
    prepare_key_value(&arguments.key_value, &surroundings)?;

    let engine = engine::engine(surroundings.state_dir.as_deref(), arguments.disable_pooling)?;
    let linker = component::linker(&engine)?;
    let app = App::load(&manifest, &surroundings, &linker)?;

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = server::listen(arguments.listen, arguments.find_free_port).await?;
    let url = format!("http://{}", listener.local_addr()?);
    // Nobody may be reading.
    let _ = announce(&mut io::stdout().lock(), &url, &app);
    tokio::select! {
        () = server::serve(Arc::new(app), listener) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn announce(out: &mut impl Write, url: &str, app: &App) -> io::Result<()> {
    writeln!(out, "Serving {url}")?;
    writeln!(out, "Available Routes:")?;
    for (route, target) in app.routes.iter() {
        match route.strip_suffix("/...") {
            Some(prefix) => writeln!(out, "  {}: {url}{prefix} (wildcard)", target.id)?,
            None => writeln!(out, "  {}: {url}{route}", target.id)?,
        }
        if !target.description.is_empty() {
            writeln!(out, "    {}", target.description)?;
        }
    }
    out.flush()
}

fn surroundings(arguments: &cli::Up, manifest: &Manifest, values: Values) -> Result<Surroundings> {
    let config = match &arguments.runtime_config_file {
        Some(path) => RuntimeConfig::read(path)?,
        None => RuntimeConfig::default(),
    };
    let state_dir = arguments
        .state_dir
        .clone()
        .or_else(|| config.state_dir.clone())
        .unwrap_or_else(|| manifest.folder.join(".spin"));
    let state_dir = given(state_dir);
    let log_dir = match &arguments.log_dir {
        Some(log_dir) => given(log_dir.clone()),
        None => state_dir.as_ref().map(|folder| folder.join("logs")),
    };
    let reuse = Reuse {
        requests: arguments.max_instance_reuse_count.clone(),
        concurrent_requests: arguments.max_instance_concurrent_reuse_count.clone(),
        request_timeout: arguments.request_timeout.clone(),
        idle_timeout: arguments.idle_instance_timeout.clone(),
    };
    Surroundings::new(state_dir, log_dir, arguments.quiet, Arc::new(values), reuse, config)
}

/// An empty path is none.
fn given(path: PathBuf) -> Option<PathBuf> {
    Some(path).filter(|path| path.as_os_str() != OsStr::new(""))
}

/// Runs the build command of every component that has one.
fn build(manifest: &Manifest) -> Result<()> {
    for (id, component) in &manifest.document.component {
        let Some(build) = &component.build else {
            continue;
        };
        let folder = match &build.workdir {
            Some(workdir) => manifest.folder.join(workdir),
            None => manifest.folder.clone(),
        };
        for command in build.command.as_slice() {
            report(format_args!("Building component {id} with `{command}`"));
            let status = Command::new("sh")
                .args(["-c", command])
                .current_dir(&folder)
                .status()
                .with_context(|| format!("cannot build component {id:?}"))?;
            ensure!(status.success(), "building component {id:?}: {status}");
        }
    }
    Ok(())
}

/// Runs what `--sqlite` gives: SQL, `@FILE` or `@FILE:LABEL`.
fn prepare_sqlite(statements: &[String], surroundings: &Surroundings) -> Result<()> {
    for statement in statements {
        match statement.strip_prefix('@') {
            Some(source) => {
                let (file, label) = source.rsplit_once(':').unwrap_or((source, "default"));
                let sql = fs::read_to_string(Path::new(file))
                    .with_context(|| format!("--sqlite: cannot read {file}"))?;
                surroundings.database(label)?.execute_batch(&sql)
            }
            None => surroundings.database("default")?.execute_first(statement),
        }
        .with_context(|| format!("--sqlite {statement}"))?;
    }
    Ok(())
}

/// Sets what `--key-value` gives.
fn prepare_key_value(pairs: &[(String, String)], surroundings: &Surroundings) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let store = Store::open(surroundings.store("default")?, "default".to_owned())?;
    for (key, value) in pairs {
        store.set(key, value.as_bytes())?;
    }
    Ok(())
}
