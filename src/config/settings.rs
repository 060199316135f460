//! Every setting, as `spin.toml` declares it.

/// A setting as `spin.toml` declares it.
pub struct Setting {
    /// The variable's name; `SPIN_VARIABLE_` and the name in capitals sets it.
    pub name: &'static str,
    /// What it is when nobody sets it; `None` if it must be set.
    pub default: Option<&'static str>,
    /// Whether its value is a secret.
    pub secret: bool,
    /// What it is for, in one sentence.
    pub description: &'static str,
}

const fn setting(name: &'static str, default: &'static str, description: &'static str) -> Setting {
    Setting { name, default: Some(default), secret: false, description }
}

/// Every setting. A test holds `spin.toml` and the README to this list.
pub const SETTINGS: &[Setting] = &[
    setting("database", "sqlite", "Where users are kept: sqlite or postgres."),
    Setting {
        name: "postgres_url",
        default: Some(""),
        secret: true,
        description: "The connection string of the Postgres server, when database is postgres.",
    },
    setting(
        "durability",
        "full",
        "full keeps every acknowledged write through a power cut; relaxed may lose the last ones and is faster.",
    ),
    setting(
        "auto_migrate",
        "true",
        "Whether pending migrations are applied at the first use of the database.",
    ),
    setting(
        "public_url",
        "http://127.0.0.1:3000",
        "Where clients reach the service; the issuer of its tokens.",
    ),
    Setting {
        name: "secret_key",
        default: None,
        secret: true,
        description: "32 bytes in base64; encrypts signing keys and authenticates refresh tokens and cursors.",
    },
    Setting {
        name: "bootstrap_token",
        default: Some(""),
        secret: true,
        description: "Who holds it may make the first admin; empty closes that door.",
    },
    setting("access_token_ttl", "10m", "How long an access token is good, 1s to 30d."),
    setting("signing_algorithm", "EdDSA", "How access tokens are signed: EdDSA or ES256."),
    setting(
        "signing_key_max_age",
        "90d",
        "How long a key signs before the next one is made, 1h to 3650d.",
    ),
    setting("refresh_token_ttl", "30d", "How long a session lasts without a refresh, 1m to 3650d."),
    setting(
        "session_max_age",
        "365d",
        "How long a session lasts however often it is refreshed, 1m to 3650d.",
    ),
    setting(
        "refresh_grace",
        "10s",
        "How long a repeated refresh gets the same successor, 0s to 10m.",
    ),
    setting(
        "registration",
        "open",
        "Who may register: open for everybody, invite for those who were invited, closed for nobody.",
    ),
    setting("password_min_length", "8", "The fewest characters of a new password, 8 to 64."),
    setting(
        "metadata_schema",
        "",
        "What metadata may be: a JSON Schema, see docs/metadata.md; anything unless given.",
    ),
    setting("private_metadata_schema", "", "The same of private_metadata."),
    setting("own_metadata_schema", "", "The same of own_metadata, which users write."),
    setting(
        "trusted_proxies",
        "0",
        "How many proxies of yours stand in front and append to X-Forwarded-For.",
    ),
    setting(
        "rate_limit_scale",
        "1",
        "By how much every rate limit is multiplied, 0.001 to 1000000.",
    ),
    setting(
        "cors_origins",
        "",
        "Origins whose pages may call, separated by spaces; none by default.",
    ),
    setting(
        "cache",
        "off",
        "What is remembered of users and callers: off, kv (in the key-value store), instance (for a second), or kv+instance.",
    ),
    setting(
        "cache_max_age",
        "10s",
        "How long the key-value store may remember, 1s to 60s: so long may it show what an instance could not make it forget.",
    ),
    setting(
        "body_limit",
        "1MiB",
        "The largest request body, in bytes, KiB or MiB, 1000 to 100MiB.",
    ),
    setting("request_timeout", "10s", "How long a request may take before it gets 504, 1s to 1h."),
    setting("log_level", "info", "What is logged: error, warn, info (every request) or debug."),
    setting(
        "app_name",
        "Rollcall",
        "What the application is called: mails name it, and it is their sender.",
    ),
    setting(
        "app_url",
        "",
        "Where the application's pages are, to which links in mails lead; public_url unless given.",
    ),
    setting(
        "mail_transport",
        "mailbox",
        "mailbox sends nothing and shows every mail at /dev/mailbox: for development only; http hands mails to a provider.",
    ),
    setting(
        "mailbox_access",
        "local",
        "Who sees /dev/mailbox: local, requests from the same machine through no proxy; or everybody.",
    ),
    setting(
        "mail_provider",
        "generic",
        "Whose API takes the mails of mail_transport http: postmark, resend, sendgrid or generic.",
    ),
    setting("mail_url", "", "The origin of that API, such as https://api.postmarkapp.com."),
    setting("mail_path", "", "The path of that API; the provider's own unless given."),
    Setting {
        name: "mail_token",
        default: Some(""),
        secret: true,
        description: "The token of that API.",
    },
    setting("mail_from", "no-reply@example.com", "The address that mails come from."),
    setting("mail_locale", "en", "The language of mails to people who say none: en or de."),
];
