//! How mails go out.

use zeroize::Zeroizing;

use super::{Reader, origin};
use crate::domain::email::Email;
use crate::domain::locale::Locale;
use crate::domain::name::Name;
use crate::mailer::Provider;

/// How mails go out.
pub struct MailConfig {
    /// What the application is called.
    pub app_name: Name,
    /// Where its pages are, without a slash at its end.
    pub app_url: String,
    /// Who carries mails.
    pub transport: MailTransport,
    /// The address that they come from.
    pub from: Email,
    /// Whether everybody sees the mailbox, and not only who sits at the machine.
    pub mailbox_for_everybody: bool,
    /// The language of those who say none.
    pub locale: Locale,
}

/// Who carries mails.
pub enum MailTransport {
    /// Nobody: `/dev/mailbox` shows them.
    Mailbox,
    /// A provider with an API.
    Http {
        /// Whose API.
        provider: Provider,
        /// Its origin.
        url: String,
        /// Its path, if not the provider's own.
        path: Option<String>,
        /// What it knows us by.
        token: Zeroizing<String>,
    },
}

impl Reader {
    /// Reads the settings of mails. `public_url` stands in for `app_url`.
    pub(super) fn mail(&mut self, public_url: Option<&str>) -> Option<MailConfig> {
        let app_name =
            self.value("app_name", "must be a name on one line", |text| Name::parse(text).ok());
        let app_url = self.value("app_url", "must be an http(s) URL without a query", |text| {
            if text.is_empty() { Some(None) } else { base_url(text).map(Some) }
        });
        let transport = self.transport();
        let from =
            self.value("mail_from", "must be an email address", |text| Email::parse(text).ok());
        let rule = "must be local or everybody";
        let mailbox_for_everybody = self.value("mailbox_access", rule, |text| match text {
            "local" => Some(false),
            "everybody" => Some(true),
            _ => None,
        });
        let locale = self.value("mail_locale", "must be en or de", |text| {
            Locale::ALL.iter().copied().find(|locale| locale.as_str() == text)
        });
        Some(MailConfig {
            app_name: app_name?,
            app_url: app_url?.or_else(|| public_url.map(str::to_owned))?,
            transport: transport?,
            from: from?,
            mailbox_for_everybody: mailbox_for_everybody?,
            locale: locale?,
        })
    }

    fn transport(&mut self) -> Option<MailTransport> {
        let rule = "must be postmark, resend, sendgrid or generic";
        let provider = self.value("mail_provider", rule, Provider::parse);
        let path = self.value("mail_path", "must begin with a slash", |text| match text {
            "" => Some(None),
            text => text.starts_with('/').then(|| Some(text.to_owned())),
        });
        let token = self.value("mail_token", "must be visible ASCII", |text| {
            text.bytes().all(|b| b.is_ascii_graphic()).then(|| Zeroizing::new(text.to_owned()))
        });
        let rule = "must be mailbox or http";
        let is_http = self.value("mail_transport", rule, |text| match text {
            "mailbox" => Some(false),
            "http" => Some(true),
            _ => None,
        })?;
        if !is_http {
            return Some(MailTransport::Mailbox);
        }
        let rule = "must be an http(s) URL without a path when mail_transport is http";
        let url = self.value("mail_url", rule, origin);
        Some(MailTransport::Http { provider: provider?, url: url?, path: path?, token: token? })
    }
}

/// `scheme://host[:port][/path]`, without a slash at its end.
fn base_url(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let origin = origin(&format!("{}://{authority}", uri.scheme_str()?))?;
    let has_path_only = uri.query().is_none() && !text.contains('#');
    has_path_only.then(|| format!("{origin}{}", uri.path().trim_end_matches('/')))
}
