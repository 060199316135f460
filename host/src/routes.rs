//! Which component answers a path.

use anyhow::{Result, anyhow};

/// The routes of an application. An exact route goes before a wildcard, and a
/// longer wildcard before a shorter.
pub(crate) struct Routes<T>(routefinder::Router<Entry<T>>);

struct Entry<T> {
    route: String,
    target: T,
}

/// A path that matched a route.
pub(crate) struct RouteMatch<'a> {
    /// The route as the manifest has it.
    pub(crate) route: &'a str,
    /// What the route's trailing wildcard matched, with its slash.
    pub(crate) path_info: String,
    /// The values of the route's parameters, by name.
    pub(crate) parameters: Vec<(String, String)>,
}

impl RouteMatch<'_> {
    /// The route without its trailing wildcard.
    pub(crate) fn prefix(&self) -> &str {
        self.route.strip_suffix("/...").unwrap_or(self.route)
    }
}

impl<T> Routes<T> {
    pub(crate) fn new() -> Self {
        Self(routefinder::Router::new())
    }

    /// Adds a route: `/exact`, `/:parameter` or `/prefix/...`.
    ///
    /// # Errors
    ///
    /// When it is malformed.
    pub(crate) fn add(&mut self, route: &str, target: T) -> Result<()> {
        let pattern = match route.strip_suffix("/...") {
            Some(prefix) => format!("{prefix}/*"),
            None => route.strip_suffix('/').unwrap_or(route).to_owned(),
        };
        let entry = Entry { route: route.to_owned(), target };
        self.0.add(pattern, entry).map_err(|error| anyhow!("route {route:?}: {error}"))
    }

    /// The target of `path`.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<(&'a T, RouteMatch<'a>)> {
        let found = self.0.best_match(path)?;
        let entry = found.handler();
        let captures = found.captures();
        let path_info = captures.wildcard().map_or_else(String::new, |rest| {
            match (rest.is_empty(), path.ends_with('/')) {
                (true, false) => String::new(),
                (true, true) => "/".to_owned(),
                (false, false) => format!("/{rest}"),
                (false, true) => format!("/{rest}/"),
            }
        });
        let parameters = captures
            .params()
            .iter()
            .map(|capture| (capture.name().to_owned(), capture.value().to_owned()))
            .collect();
        let matched = RouteMatch { route: &entry.route, path_info, parameters };
        Some((&entry.target, matched))
    }

    /// Every route with its target.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(_, entry)| (entry.route.as_str(), &entry.target))
    }
}
