//! The settings: typed, read once for each instance, all problems told at once.

mod cache;
mod mail;
mod metadata;
mod settings;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::domain::access_token::Algorithm;
use crate::domain::rate_limit::Scale;
use crate::domain::registration::RegistrationMode;
use crate::domain::secret::SecretKey;

pub use cache::CacheConfig;
pub use mail::{MailConfig, MailTransport};
pub use metadata::MetadataSchemas;
pub use settings::{SETTINGS, Setting};

/// What is logged, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Defects only.
    Error,
    /// And what answered 5xx.
    Warn,
    /// And every request.
    Info,
    /// And more about each.
    Debug,
}

/// Where users are kept.
pub enum DatabaseConfig {
    /// The host's embedded database, or libSQL behind it.
    Sqlite,
    /// A server, by its connection string.
    Postgres(String),
}

/// The settings, valid.
pub struct Config {
    /// Where users are kept.
    pub database: DatabaseConfig,
    /// Whether acknowledged writes must survive a power cut.
    pub durable: bool,
    /// Whether pending migrations are applied at the first use.
    pub auto_migrate: bool,
    /// Where clients reach the service, without a slash at its end.
    pub public_url: String,
    /// Encrypts and authenticates what the service keeps or gives out.
    pub secret_key: SecretKey,
    /// Lets its holder make the first admin.
    pub bootstrap_token: Option<String>,
    /// How long an access token is good.
    pub access_token_ttl: Duration,
    /// How access tokens are signed.
    pub signing_algorithm: Algorithm,
    /// How long a key signs before the next one is made.
    pub signing_key_max_age: Duration,
    /// How long a session lasts without a refresh.
    pub refresh_token_ttl: Duration,
    /// How long a session lasts at most, however often it is refreshed.
    pub session_max_age: Duration,
    /// How long a repeated refresh gets the same successor.
    pub refresh_grace: Duration,
    /// Who may register.
    pub registration: RegistrationMode,
    /// The fewest characters of a new password.
    pub password_min_length: usize,
    /// What metadata may be.
    pub schemas: MetadataSchemas,
    /// How many proxies in front append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// By how much every rate limit is multiplied.
    pub rate_limit_scale: Scale,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// What is remembered.
    pub cache: CacheConfig,
    /// What is logged.
    pub log_level: LogLevel,
    /// How mails go out.
    pub mail: MailConfig,
}

/// What is wrong with the settings: a sentence for each, without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Config {
    /// Reads every setting from the host's variables.
    #[cfg(target_family = "wasm")]
    pub async fn from_spin() -> Result<Self, ConfigErrors> {
        Self::read(async |name| spin_sdk::variables::get(name).await.ok()).await
    }

    /// Reads every setting through `get`, which returns `None` for what nobody set.
    pub async fn read<G, F>(get: G) -> Result<Self, ConfigErrors>
    where
        G: Fn(String) -> F,
        F: Future<Output = Option<String>>,
    {
        let mut values = Vec::new();
        for setting in SETTINGS {
            let given = get(setting.name.to_owned()).await;
            let value = given.or_else(|| setting.default.map(str::to_owned));
            values.push((setting.name, value));
        }
        let mut reader = Reader { values, errors: Vec::new() };
        let config = reader.config();
        match config {
            Some(config) if reader.errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(reader.errors)),
        }
    }
}

/// Reads values and collects what is wrong with them.
struct Reader {
    values: Vec<(&'static str, Option<String>)>,
    errors: Vec<String>,
}

impl Reader {
    fn config(&mut self) -> Option<Config> {
        let postgres_url = self.value("postgres_url", "must be text", |text| Some(text.to_owned()));
        let database = self.value(
            "database",
            "must be sqlite, or postgres with a postgres_url",
            |text| match (text, postgres_url) {
                ("sqlite", _) => Some(DatabaseConfig::Sqlite),
                ("postgres", Some(url)) if !url.is_empty() => Some(DatabaseConfig::Postgres(url)),
                _ => None,
            },
        );
        let durable = self.value("durability", "must be full or relaxed", |text| match text {
            "full" => Some(true),
            "relaxed" => Some(false),
            _ => None,
        });
        let auto_migrate = self.value("auto_migrate", "must be true or false", |t| t.parse().ok());
        let public_url = self.value("public_url", "must be an http(s) URL without a path", origin);
        let secret_key = self.value("secret_key", "must be 32 bytes in base64", SecretKey::parse);
        let bootstrap_token = self.value("bootstrap_token", "must be text", |text| {
            Some((!text.is_empty()).then(|| text.to_owned()))
        });
        let access_token_ttl = self.duration("access_token_ttl", ["1s", "30d"]);
        let signing_algorithm =
            self.value("signing_algorithm", "must be EdDSA or ES256", Algorithm::parse);
        let signing_key_max_age = self.duration("signing_key_max_age", ["1h", "3650d"]);
        let refresh_token_ttl = self.duration("refresh_token_ttl", ["1m", "3650d"]);
        let session_max_age = self.duration("session_max_age", ["1m", "3650d"]);
        let refresh_grace = self.duration("refresh_grace", ["0s", "10m"]);
        let rule = "must be open, invite or closed";
        let registration = self.value("registration", rule, RegistrationMode::parse);
        let password_min_length =
            self.value("password_min_length", "must be a number from 8 to 64", |text| {
                text.parse().ok().filter(|length| (8..=64).contains(length))
            });
        let schemas = self.schemas();
        let trusted_proxies =
            self.value("trusted_proxies", "must be a number from 0 to 32", |text| {
                text.parse().ok().filter(|hops| *hops <= 32)
            });
        let rate_limit_scale =
            self.value("rate_limit_scale", "must be a number from 0.001 to 1000000", Scale::parse);
        let cors_origins = self.value("cors_origins", "must be http(s) origins", |text| {
            text.split_whitespace().map(origin).collect()
        });
        let body_limit =
            self.value("body_limit", "must be a size from 1000 to 100MiB, such as 1MiB", size);
        let request_timeout = self.duration("request_timeout", ["1s", "1h"]);
        let log_level =
            self.value("log_level", "must be error, warn, info or debug", |text| match text {
                "error" => Some(LogLevel::Error),
                "warn" => Some(LogLevel::Warn),
                "info" => Some(LogLevel::Info),
                "debug" => Some(LogLevel::Debug),
                _ => None,
            });
        let cache = self.cache();
        let mail = self.mail(public_url.as_deref());
        Some(Config {
            database: database?,
            durable: durable?,
            auto_migrate: auto_migrate?,
            public_url: public_url?,
            secret_key: secret_key?,
            bootstrap_token: bootstrap_token?,
            access_token_ttl: access_token_ttl?,
            signing_algorithm: signing_algorithm?,
            signing_key_max_age: signing_key_max_age?,
            refresh_token_ttl: refresh_token_ttl?,
            session_max_age: session_max_age?,
            refresh_grace: refresh_grace?,
            registration: registration?,
            password_min_length: password_min_length?,
            schemas: schemas?,
            trusted_proxies: trusted_proxies?,
            rate_limit_scale: rate_limit_scale?,
            cors_origins: cors_origins?,
            body_limit: body_limit?,
            request_timeout: request_timeout?,
            cache: cache?,
            log_level: log_level?,
            mail: mail?,
        })
    }

    fn value<T>(
        &mut self,
        name: &str,
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.values.iter().find(|(known, _)| *known == name);
        let parsed = match value.and_then(|(_, value)| value.as_deref()) {
            None => Err(format!("{name} is not set")),
            Some(text) => parse(text.trim()).ok_or_else(|| format!("{name} {rule}")),
        };
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// A duration between two others, which a service can work with.
    fn duration(&mut self, name: &str, [least, most]: [&str; 2]) -> Option<Duration> {
        let range = duration(least)?..=duration(most)?;
        let rule = format!("must be a duration from {least} to {most}, such as 10s, 10m or 12h");
        self.value(name, &rule, |text| duration(text).filter(|given| range.contains(given)))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok().map(u64::from)?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds))
}

fn size(text: &str) -> Option<usize> {
    let (number, unit) = if let Some(number) = text.strip_suffix("MiB") {
        (number, 1024 * 1024)
    } else if let Some(number) = text.strip_suffix("KiB") {
        (number, 1024)
    } else {
        (text, 1)
    };
    number
        .trim()
        .parse::<usize>()
        .ok()?
        .checked_mul(unit)
        .filter(|size| (1_000..=100 << 20).contains(size))
}

/// `scheme://host[:port]`, without a slash at its end.
fn origin(text: &str) -> Option<String> {
    let uri: http::Uri = text.trim_end_matches('/').parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    (uri.path() == "/" && uri.query().is_none()).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let get = |name: String| {
            let value = set.iter().find(|(known, _)| *known == name);
            std::future::ready(value.map(|(_, value)| (*value).to_owned()))
        };
        futures_util::FutureExt::now_or_never(Config::read(get)).unwrap()
    }

    const KEY: (&str, &str) = ("secret_key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");

    #[test]
    fn the_defaults_and_a_secret_key_are_enough() {
        let config = read(&[KEY]).unwrap();
        assert_eq!(config.refresh_token_ttl, Duration::from_secs(30 * 86_400));
        assert_eq!(config.body_limit, 1_048_576);
        assert_eq!(config.bootstrap_token, None);
        assert!(config.durable && config.auto_migrate);
    }

    #[test]
    fn every_setting_that_is_wrong_is_told_without_its_value() {
        let errors = read(&[
            ("secret_key", "hunter2"),
            ("database", "oracle"),
            ("access_token_ttl", "10 minutes"),
            ("signing_algorithm", "HS256"),
            ("public_url", "ftp://example.com"),
            ("password_min_length", "7"),
            ("cors_origins", "https://a.example https://b.example/path"),
            ("registration", "yes"),
            ("mail_transport", "http"),
            ("mail_from", "a@b@example.com"),
            ("mail_token", "a\r\nb"),
            ("metadata_schema", r#"{"properties": {"plan": {"pattern": "^a"}}}"#),
        ])
        .err()
        .unwrap();
        assert_eq!(
            errors.to_string(),
            "database must be sqlite, or postgres with a postgres_url; public_url must be an http(s) URL without a path; \
             secret_key must be 32 bytes in base64; \
             access_token_ttl must be a duration from 1s to 30d, such as 10s, 10m or 12h; \
             signing_algorithm must be EdDSA or ES256; \
             registration must be open, invite or closed; \
             password_min_length must be a number from 8 to 64; \
             metadata_schema has a keyword that is not supported: #/properties/plan/pattern; \
             cors_origins must be http(s) origins; \
             mail_token must be visible ASCII; \
             mail_url must be an http(s) URL without a path when mail_transport is http; \
             mail_from must be an email address"
        );
        assert_eq!(read(&[]).err().unwrap().to_string(), "secret_key is not set");
    }

    #[test]
    fn links_lead_to_the_public_url_unless_the_application_is_elsewhere() {
        let config = read(&[KEY, ("public_url", "https://id.example.com/")]).unwrap();
        assert_eq!(config.mail.app_url, "https://id.example.com");
        let config = read(&[KEY, ("app_url", "https://app.example.com/account/")]).unwrap();
        assert_eq!(config.mail.app_url, "https://app.example.com/account");
        for url in ["app.example.com", "https://a?b", "https://a#b", "javascript:x"] {
            assert!(read(&[KEY, ("app_url", url)]).is_err(), "{url}");
        }
    }

    #[test]
    fn origins_have_one_form() {
        assert_eq!(origin("https://id.example.com/").as_deref(), Some("https://id.example.com"));
        for text in ["", "example.com", "https://", "https://a@b", "https://a/b", "https://a?b"] {
            assert_eq!(origin(text), None, "{text}");
        }
    }
}
