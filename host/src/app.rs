//! An application: its components, ready to serve, and their routes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use wasmtime::component::Linker;
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::allowed_hosts::AllowedHosts;
use crate::component::{self, Capabilities};
use crate::instance::{Factory, Guest, Reuse};
use crate::key_value::File;
use crate::manifest::{self, Manifest, Route};
use crate::outbound::{Outbound, SharedClient};
use crate::postgres;
use crate::routes::Routes;
use crate::runtime_config::RuntimeConfig;
use crate::sqlite::Database;
use crate::stdio::{Output, Terminal};
use crate::variables::{Values, Variables};

/// An application that is ready to serve.
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) routes: Routes<Target>,
}

/// A component that answers requests.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) handler: ProxyHandler<Factory>,
}

/// Where an application keeps what outlives it, and what else it is given.
pub(crate) struct Surroundings {
    /// The folder for databases and stores that are not configured.
    pub(crate) state_dir: Option<PathBuf>,
    /// The folder for what components print.
    pub(crate) log_dir: Option<PathBuf>,
    /// Whether what components print shows on the terminal.
    pub(crate) quiet: bool,
    pub(crate) values: Arc<Values>,
    pub(crate) reuse: Reuse,
    sqlite: BTreeMap<String, Database>,
    key_value: BTreeMap<String, Arc<File>>,
    client: SharedClient,
}

impl Surroundings {
    /// Names every database and store. The label `default` always exists.
    ///
    /// # Errors
    ///
    /// When the folder of one cannot be made.
    pub(crate) fn new(
        state_dir: Option<PathBuf>,
        log_dir: Option<PathBuf>,
        quiet: bool,
        values: Arc<Values>,
        reuse: Reuse,
        config: RuntimeConfig,
    ) -> Result<Self> {
        let in_state = |file: &str| state_dir.as_ref().map(|folder| folder.join(file));
        let mut sqlite: BTreeMap<_, _> = config
            .sqlite_database
            .into_iter()
            .map(|(label, database)| {
                let database =
                    Database { path: database.path, allow_attach_file: database.allow_attach_file };
                (label, database)
            })
            .collect();
        sqlite.entry("default".to_owned()).or_insert_with(|| Database {
            path: in_state("sqlite_db.db"),
            allow_attach_file: false,
        });
        let mut stores: BTreeMap<_, _> =
            config.key_value_store.into_iter().map(|(label, store)| (label, store.path)).collect();
        stores.entry("default".to_owned()).or_insert_with(|| in_state("sqlite_key_value.db"));

        let databases = sqlite.values().map(|database| &database.path);
        for path in databases.chain(stores.values()).flatten() {
            make_parent(path)?;
        }
        let key_value =
            stores.into_iter().map(|(label, path)| (label, Arc::new(File::new(path)))).collect();
        Ok(Self {
            state_dir,
            log_dir,
            quiet,
            values,
            reuse,
            sqlite,
            key_value,
            client: SharedClient::default(),
        })
    }

    /// The SQLite database of a label.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn database(&self, label: &str) -> Result<Database> {
        self.sqlite.get(label).cloned().with_context(|| {
            format!(
                "there is no SQLite database {label:?}; \
                 define [sqlite_database.{label}] in a runtime configuration file"
            )
        })
    }

    /// The file with the key-value store of a label.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn store(&self, label: &str) -> Result<Arc<File>> {
        self.key_value.get(label).cloned().with_context(|| {
            format!(
                "there is no key-value store {label:?}; \
                 define [key_value_store.{label}] in a runtime configuration file"
            )
        })
    }

    fn output(&self, id: &str, name: &str, terminal: Terminal) -> Result<Output> {
        let file = self.log_dir.as_ref().map(|folder| folder.join(format!("{id}_{name}.txt")));
        let terminal = Some(terminal).filter(|_| !self.quiet);
        Output::new(file.as_deref(), terminal).context("cannot write the log")
    }

    fn capabilities(
        &self,
        folder: &Path,
        id: &str,
        component: &manifest::Component,
    ) -> Result<Capabilities> {
        let labels = component.sqlite_databases.iter();
        let sqlite = labels
            .map(|label| Ok((label.clone(), self.database(label)?)))
            .collect::<Result<_>>()?;
        let labels = component.key_value_stores.iter();
        let key_value =
            labels.map(|label| Ok((label.clone(), self.store(label)?))).collect::<Result<_>>()?;
        let files = component
            .files
            .iter()
            .map(|mount| {
                let source = folder.join(&mount.source);
                ensure!(source.is_dir(), "files: {} is no folder", source.display());
                Ok((source, mount.destination.clone()))
            })
            .collect::<Result<_>>()?;
        let hosts = AllowedHosts::new(&component.allowed_outbound_hosts, &self.values)?;
        let allowed_hosts = Arc::new(hosts);
        Ok(Capabilities {
            environment: component.environment.clone().into_iter().collect(),
            files,
            stdout: self.output(id, "stdout", Terminal::Stdout)?,
            stderr: self.output(id, "stderr", Terminal::Stderr)?,
            sqlite: Arc::new(sqlite),
            key_value: Arc::new(key_value),
            postgres: postgres::Server {
                allowed_hosts: allowed_hosts.clone(),
                pools: Arc::default(),
            },
            outbound: Outbound { allowed_hosts, client: self.client.clone() },
            variables: Variables::new(id, &component.variables, self.values.clone())?,
        })
    }
}

impl App {
    /// Loads every component that a route leads to.
    ///
    /// # Errors
    ///
    /// When one cannot be loaded or wants what it does not get; the error
    /// names the component.
    pub(crate) fn load(
        manifest: &Manifest,
        surroundings: &Surroundings,
        linker: &Linker<Guest>,
    ) -> Result<Self> {
        let mut routes = Routes::new();
        let mut targets: BTreeMap<&str, Target> = BTreeMap::new();
        for trigger in &manifest.document.trigger.http {
            let Route::Path(route) = &trigger.route else {
                continue;
            };
            let id = trigger.component.as_str();
            let target = match targets.get(id) {
                Some(target) => target.clone(),
                None => {
                    let target = Target::load(manifest, surroundings, linker, id)
                        .with_context(|| format!("component {id:?}"))?;
                    targets.insert(id, target.clone());
                    target
                }
            };
            routes.add(route, target)?;
        }
        Ok(Self {
            name: manifest.document.application.name.clone(),
            version: manifest.document.application.version.clone(),
            routes,
        })
    }
}

impl Target {
    fn load(
        manifest: &Manifest,
        surroundings: &Surroundings,
        linker: &Linker<Guest>,
        id: &str,
    ) -> Result<Self> {
        let component = &manifest.document.component[id];
        let source = manifest.folder.join(&component.source);
        ensure!(
            source.is_file(),
            "its source {} does not exist; build it, or run with --build",
            source.display()
        );
        let factory = Factory {
            capabilities: surroundings.capabilities(&manifest.folder, id, component)?,
            component: component::load(linker, &source)?,
            reuse: surroundings.reuse.clone(),
        };
        Ok(Self {
            id: id.to_owned(),
            description: component.description.clone(),
            handler: ProxyHandler::new(factory),
        })
    }
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display())),
        None => Ok(()),
    }
}
