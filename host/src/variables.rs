//! Variables: the application's, their values, and `spin:variables@3.0.0`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Accessor, HasData};

use crate::bindings::variables::{Error, Host, HostWithStore};
use crate::manifest;

/// The application's variables with the values that they have in this run.
/// The command line goes before the environment, and that before the default.
#[derive(Debug)]
pub(crate) struct Values(BTreeMap<String, String>);

/// A variable that the manifest does not declare, or has no value for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("the manifest declares no variable {0:?}")]
    Undeclared(String),
    #[error(
        "required variables have no value: {}; set each with --variable NAME=VALUE or {}",
        .0.join(", "),
        .0.iter().map(|name| environment_name(name)).collect::<Vec<_>>().join(", ")
    )]
    Missing(Vec<String>),
    #[error("variable {0:?}: {1}")]
    Name(String, &'static str),
}

impl Values {
    /// Gives every declared variable its value.
    ///
    /// # Errors
    ///
    /// When a required variable has none, when the command line sets one that
    /// is not declared, or when a name is malformed.
    pub(crate) fn new(
        declared: &BTreeMap<String, manifest::Variable>,
        command_line: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ValueError> {
        if let Some(name) = command_line.keys().find(|name| !declared.contains_key(*name)) {
            return Err(ValueError::Undeclared(name.clone()));
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in declared {
            check_name(name).map_err(|reason| ValueError::Name(name.clone(), reason))?;
            let value = command_line
                .get(name)
                .cloned()
                .or_else(|| environment(&environment_name(name)))
                .or_else(|| variable.default.clone());
            match value {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => missing.push(name.clone()),
            }
        }
        if missing.is_empty() { Ok(Self(values)) } else { Err(ValueError::Missing(missing)) }
    }

    /// Fills in a template: `{{ name }}` becomes the variable's value.
    pub(crate) fn fill(&self, template: &Template) -> Result<String, ValueError> {
        template
            .0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Ok(text.as_str()),
                Part::Variable(name) => self
                    .0
                    .get(name)
                    .map(String::as_str)
                    .ok_or_else(|| ValueError::Undeclared(name.clone())),
            })
            .collect()
    }
}

/// The environment variable that sets the variable `name`.
fn environment_name(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())
}

/// Checks the rules for names, which let them stand for environment variables
/// and files too.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')) {
        Err("a name has only lower-case letters, digits and underscores")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err("a name starts with a lower-case letter")
    } else if name.ends_with('_') || name.contains("__") {
        Err("an underscore stands alone, between other characters")
    } else {
        Ok(())
    }
}

/// Text with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// A `{{` without its `}}`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unmatched '{{{{' in {0:?}")]
pub(crate) struct TemplateError(String);

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (name, after) =
                after.split_once("}}").ok_or_else(|| TemplateError(text.to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

/// The variables of one component: what its own names stand for.
#[derive(Clone)]
pub(crate) struct Variables(Arc<Component>);

struct Component {
    id: String,
    templates: BTreeMap<String, Template>,
    values: Arc<Values>,
}

impl Variables {
    /// # Errors
    ///
    /// When a template is malformed or names a variable that the application
    /// does not declare.
    pub(crate) fn new(
        id: &str,
        variables: &BTreeMap<String, String>,
        values: Arc<Values>,
    ) -> anyhow::Result<Self> {
        let mut templates = BTreeMap::new();
        for (name, text) in variables {
            check_name(name).map_err(|reason| ValueError::Name(name.clone(), reason))?;
            let template: Template = text.parse()?;
            values.fill(&template)?;
            templates.insert(name.clone(), template);
        }
        Ok(Self(Arc::new(Component { id: id.to_owned(), templates, values })))
    }

    fn get(&self, name: &str) -> Result<String, Error> {
        check_name(name).map_err(|reason| Error::InvalidName(format!("{name:?}: {reason}")))?;
        let component = &self.0;
        let template = component.templates.get(name).ok_or_else(|| {
            Error::Undefined(format!("no variable for {:?}.{name:?}", component.id))
        })?;
        component.values.fill(template).map_err(|error| Error::Provider(error.to_string()))
    }
}

impl HasData for Variables {
    type Data<'a> = &'a mut Variables;
}

impl Host for Variables {}

impl<T: Send> HostWithStore<T> for Variables {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        accessor.with(|mut access| access.get().get(&name))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        f.debug_tuple("Variables").field(&self.0.id).finish()
    }
}
