//! `spin.toml`: the part of Spin's manifest, version 2, that this host runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// A manifest, with the folder that its paths are relative to.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The folder of the file.
    pub(crate) folder: PathBuf,
    /// What it says.
    pub(crate) document: Document,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    spin_manifest_version: u32,
    pub(crate) application: Application,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) trigger: Triggers,
    #[serde(default)]
    pub(crate) component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "known fields of the format that nothing here needs")]
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    targets: Vec<toml::Value>,
    #[serde(default)]
    tool: toml::Table,
}

#[derive(Debug, Default, Deserialize)]
#[expect(dead_code, reason = "known fields of the format that nothing here needs")]
pub(crate) struct Variable {
    #[serde(default)]
    required: bool,
    pub(crate) default: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    secret: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Triggers {
    #[serde(default)]
    pub(crate) http: Vec<HttpTrigger>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "known fields of the format that nothing here needs")]
pub(crate) struct HttpTrigger {
    #[serde(default)]
    id: String,
    pub(crate) route: Route,
    pub(crate) component: String,
    executor: Option<Executor>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Route {
    Path(String),
    Private { private: bool },
}

/// How the component is called.
#[derive(Debug, Deserialize)]
struct Executor {
    #[serde(rename = "type")]
    _kind: ExecutorKind,
}

/// WASI HTTP is the only way here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExecutorKind {
    #[serde(alias = "spin")]
    Http,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "known fields of the format that nothing here needs")]
pub(crate) struct Component {
    pub(crate) source: PathBuf,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) files: Vec<FilesMount>,
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(crate) key_value_stores: Vec<String>,
    #[serde(default)]
    pub(crate) sqlite_databases: Vec<String>,
    pub(crate) build: Option<Build>,
    #[serde(default)]
    targets: Vec<toml::Value>,
    #[serde(default)]
    tool: toml::Table,
}

/// A folder that the component may read.
#[derive(Debug, Deserialize)]
pub(crate) struct FilesMount {
    pub(crate) source: PathBuf,
    pub(crate) destination: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "known fields of the format that nothing here needs")]
pub(crate) struct Build {
    pub(crate) command: Commands,
    pub(crate) workdir: Option<PathBuf>,
    #[serde(default)]
    watch: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Commands {
    One(String),
    Many(Vec<String>),
}

impl Commands {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Commands::One(command) => std::slice::from_ref(command),
            Commands::Many(commands) => commands,
        }
    }
}

impl Manifest {
    /// Reads a manifest: the file `path`, or `spin.toml` in the folder `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no manifest of version 2, or has fields that
    /// this host does not know: each is named by its path.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join("spin.toml") } else { path.to_owned() };
        let text = fs::read_to_string(&file)
            .with_context(|| format!("cannot read the manifest {}", file.display()))?;
        let document = Document::parse(&text)
            .with_context(|| format!("in the manifest {}", file.display()))?;
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { folder, document })
    }
}

impl Document {
    fn parse(text: &str) -> Result<Self> {
        let document: Self = parse_toml(text)?;
        ensure!(
            document.spin_manifest_version == 2,
            "spin_manifest_version is {}, and only 2 is known",
            document.spin_manifest_version
        );
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<()> {
        for (name, variable) in &self.variables {
            ensure!(
                !(variable.required && variable.default.is_some()),
                "variables.{name}: a required variable has no default"
            );
            ensure!(
                variable.required || variable.default.is_some(),
                "variables.{name}: needs a default, or required = true"
            );
        }
        ensure!(
            !self.trigger.http.is_empty(),
            "trigger.http: there is none, and this host runs only HTTP triggers"
        );
        for trigger in &self.trigger.http {
            if !self.component.contains_key(&trigger.component) {
                bail!("trigger.http: there is no component {:?}", trigger.component);
            }
            if let Route::Private { private: false } = trigger.route {
                bail!("trigger.http: a route is a path or {{ private = true }}");
            }
        }
        Ok(())
    }
}

/// Parses TOML and refuses what the type does not know, all of it at once and
/// by its path.
pub(crate) fn parse_toml<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    let mut unknown = Vec::new();
    let value = serde_ignored::deserialize(toml::Deserializer::parse(text)?, |path| {
        unknown.push(path.to_string());
    })?;
    match unknown.as_slice() {
        [] => Ok(value),
        [one] => bail!("unknown field {one}"),
        many => bail!("unknown fields {}", many.join(", ")),
    }
}
