//! `allowed_outbound_hosts`: whom a component may call.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use url::Host;

use crate::stdio::report;
use crate::variables::{Template, Values};

/// The hosts that a component may call: none unless its manifest lists them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

/// `scheme://host:port`, where each may be `*`, the host may start with `*.`,
/// and the port may be a range `from..to` without its end.
#[derive(Debug, PartialEq, Eq)]
struct AllowedHost {
    /// `None` is any.
    scheme: Option<String>,
    host: HostPattern,
    /// `None` is any.
    ports: Option<Range<u32>>,
}

#[derive(Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// Every subdomain: the suffix with its dot.
    Subdomains(String),
    Exact(Host),
}

impl AllowedHosts {
    /// Reads the manifest's list. An entry whose variables leave nothing of it
    /// is left out, so that an endpoint can be optional.
    ///
    /// # Errors
    ///
    /// When an entry is malformed.
    pub(crate) fn new(entries: &[String], values: &Values) -> Result<Self> {
        let mut hosts = Vec::new();
        for entry in entries {
            let template: Template = entry.parse()?;
            let filled = values.fill(&template)?;
            let is_empty = matches!(filled.as_str(), "" | "http://" | "https://");
            if !(is_empty && entry.contains("{{")) {
                let host = AllowedHost::parse(&filled)
                    .with_context(|| format!("allowed_outbound_hosts: {entry:?}"))?;
                hosts.push(host);
            }
        }
        Ok(Self(hosts))
    }

    /// Whether a host may be called. Says so on the standard error if not.
    pub(crate) fn check(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let is_allowed = Host::parse(host).is_ok_and(|parsed| {
            let port = port.or_else(|| well_known_port(scheme));
            self.0.iter().any(|allowed| allowed.allows(scheme, &parsed, port))
        });
        if !is_allowed {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            report(format_args!(
                "a component tried to reach {scheme}://{host}{port}, \
                 which its allowed_outbound_hosts do not list"
            ));
        }
        is_allowed
    }
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) =
            text.trim().split_once("://").context("it has no scheme, such as https:// or *://")?;
        ensure!(
            scheme == "*" || scheme.chars().all(char::is_alphabetic),
            "its scheme is more than letters"
        );
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        ensure!(!rest.contains('/'), "it has a path");
        // An IPv6 address has colons too.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (rest, ""),
        };
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostPattern::parse(host)?,
            ports: parse_ports(port, scheme)?,
        })
    }

    fn allows(&self, scheme: &str, host: &Host, port: Option<u16>) -> bool {
        self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
            && self
                .ports
                .as_ref()
                .is_none_or(|allowed| port.is_some_and(|port| allowed.contains(&u32::from(port))))
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" || host.ends_with(".spin.internal") {
            bail!("this host does not send requests to the application itself");
        }
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain)? {
                Host::Domain(domain) => Ok(Self::Subdomains(format!(".{domain}"))),
                Host::Ipv4(_) | Host::Ipv6(_) => bail!("an address has no subdomains"),
            };
        }
        ensure!(!host.contains('*'), "a wildcard stands for whole subdomains");
        Ok(Self::Exact(Host::parse(host)?))
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Subdomains(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
            (Self::Exact(allowed), host) => allowed == host,
        }
    }
}

fn parse_ports(text: &str, scheme: &str) -> Result<Option<Range<u32>>> {
    let port = |text: &str| {
        text.parse::<u16>().map(u32::from).with_context(|| format!("{text:?} is no port"))
    };
    if text == "*" {
        return Ok(None);
    }
    if text.is_empty() {
        let port = well_known_port(scheme)
            .map(u32::from)
            .with_context(|| format!("it has no port, and {scheme} has none by default"))?;
        return Ok(Some(port..port + 1));
    }
    Ok(Some(match text.split_once("..") {
        Some((from, to)) => port(from)?..port(to)?,
        None => port(text)?..port(text)? + 1,
    }))
}

/// The port of a scheme that is not told otherwise.
fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        _ => None,
    }
}
