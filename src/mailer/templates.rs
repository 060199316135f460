//! How mails are worded: `templates/mail/{en,de}/KIND.{subject,txt,html}`, in
//! the language of Jinja, embedded at build time.

use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::domain::mail::{Draft, Subject};
use crate::error::{Error, Result};

/// A mail in words.
#[derive(Debug)]
pub struct Worded {
    /// What it is about.
    pub subject: Subject,
    /// As plain text.
    pub text: String,
    /// As HTML, in which everything that was filled in is escaped.
    pub html: String,
}

/// Words a mail of the application with this name.
pub fn word(draft: &Draft, app_name: &str) -> Result<Worded> {
    let values = context! {
        app_name,
        locale => draft.locale.as_str(),
        name => draft.name.as_ref().map(|name| name.as_str()),
        ..Value::from(Serde(&draft.message))
    };
    let render = |extension: &str| {
        let file = format!("{}/{}.{extension}", draft.locale.as_str(), draft.message.kind());
        let environment = ENVIRONMENT.as_ref().map_err(Error::internal)?;
        let template = environment.get_template(&file).map_err(Error::internal)?;
        template.render(&values).map_err(Error::internal)
    };
    Ok(Worded {
        subject: Subject::of(&render("subject")?),
        text: render("txt")?,
        html: render("html")?,
    })
}

type File = (&'static str, &'static str);

macro_rules! file {
    ($name:expr) => {
        ($name, include_str!(concat!("../../templates/mail/", $name)))
    };
}

/// The files of a language. Each kind of mail has three.
macro_rules! files {
    ($locale:literal: $($kind:literal)*) => {
        &[
            file!(concat!($locale, "/footer.html")),
            file!(concat!($locale, "/footer.txt")),
            $(
                file!(concat!($locale, "/", $kind, ".subject")),
                file!(concat!($locale, "/", $kind, ".txt")),
                file!(concat!($locale, "/", $kind, ".html")),
            )*
        ]
    };
}

/// Says the kinds once for all languages.
macro_rules! languages {
    ($($locale:literal)*) => {
        &[$(files!($locale: "verify_email" "account_exists" "reset_password" "password_changed"
            "magic_link" "email_code" "invitation" "confirm_new_email" "email_change_requested"
            "email_changed" "second_factor_added" "second_factor_removed" "recovery_code_used")),*]
    };
}

const LAYOUT: File = file!("layout.html");
const FILES: &[&[File]] = languages!("en" "de");

static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> =
    LazyLock::new(environment);

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // A name that nothing was given for is a mistake, not an empty place.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
    });
    for (name, source) in FILES.iter().copied().flatten().chain([&LAYOUT]) {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::email::Email;
    use crate::domain::locale::Locale;
    use crate::domain::mail::Message;
    use crate::domain::name::Name;

    const LINK: &str = "https://app.example.com/verify-email?token=rco_abc&x=1";

    /// One of each kind.
    fn messages() -> Vec<Message> {
        let link = || LINK.to_owned();
        let new_email = || "o'brien&co@example.org".to_owned();
        vec![
            Message::VerifyEmail { link: link(), hours: 24 },
            Message::AccountExists { link: link() },
            Message::ResetPassword { link: link(), minutes: 30 },
            Message::PasswordChanged {},
            Message::SecondFactorAdded {},
            Message::SecondFactorRemoved {},
            Message::RecoveryCodeUsed {},
            Message::MagicLink { link: link(), minutes: 10 },
            Message::EmailCode { code: "1234 5678".to_owned(), minutes: 10 },
            Message::Invitation {
                inviter: "Grace <b>Hopper</b>".to_owned(),
                link: link(),
                days: 7,
            },
            Message::ConfirmNewEmail { link: link(), minutes: 60 },
            Message::EmailChangeRequested { new_email: new_email() },
            Message::EmailChanged { new_email: new_email() },
        ]
    }

    fn draft(message: Message, locale: Locale) -> Draft {
        let to = Email::parse("ada@example.com").unwrap();
        Draft { to, name: Some(Name::parse("<script>Ada</script>").unwrap()), locale, message }
    }

    #[test]
    fn every_mail_is_worded_in_every_language() {
        for message in messages() {
            for locale in Locale::ALL.iter().copied() {
                for name in [None, Some(Name::parse("Ada").unwrap())] {
                    let draft = Draft { name, ..draft(message.clone(), locale) };
                    let mail = word(&draft, "Acme").unwrap();
                    let kind = message.kind();
                    assert!(!mail.subject.as_str().is_empty(), "{kind}");
                    for part in [&mail.text, &mail.html] {
                        assert!(part.contains("Acme"), "{kind} names the application");
                        assert!(!part.contains("{{") && !part.contains("{%"), "{kind}");
                        assert_eq!(part.contains("Ada"), draft.name.is_some(), "{kind}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_link_or_code_stands_in_both_parts() {
        for message in messages() {
            for locale in Locale::ALL.iter().copied() {
                let mail = word(&draft(message.clone(), locale), "Acme").unwrap();
                let value = serde_json::to_value(&message).unwrap();
                for member in ["link", "code", "new_email"] {
                    let Some(text) = value[member].as_str() else { continue };
                    assert!(mail.text.contains(text), "{member} of {}", message.kind());
                    let shown = unescape(&mail.html);
                    assert!(shown.contains(text), "{member} of {}: {shown}", message.kind());
                }
            }
        }
    }

    #[test]
    fn what_is_filled_in_cannot_be_html() {
        for message in messages() {
            let mail = word(&draft(message, Locale::En), "<i>Acme</i>").unwrap();
            for markup in ["<script>", "<b>", "<i>", "o'brien"] {
                assert!(!mail.html.contains(markup), "{markup} in {}", mail.html);
            }
        }
    }

    fn unescape(html: &str) -> String {
        let html = html.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"");
        html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }
}
