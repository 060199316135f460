//! How mails are worded: `templates/mail/{en,de}/KIND.{subject,txt,html}`, in the
//! language of Jinja. `build.rs` renders them; what is left to do here is to fill in
//! what each mail says.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;

use serde_json::Value;

use crate::domain::mail::{Draft, Subject};
use crate::embedded;
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

/// Each file of the templates: to somebody without a name, and with one.
type Wordings = HashMap<String, [String; 2]>;

static WORDINGS: LazyLock<io::Result<Wordings>> = LazyLock::new(|| {
    let json = embedded::read(include_bytes!(concat!(env!("OUT_DIR"), "/mails.json.gz")))?;
    Ok(serde_json::from_slice(&json)?)
});

/// Words a mail of the application with this name.
pub fn word(draft: &Draft, app_name: &str) -> Result<Worded> {
    let message = serde_json::to_value(&draft.message).map_err(Error::internal)?;
    let said = |name: &str| match name {
        "app_name" => Some(app_name.to_owned()),
        "name" => draft.name.as_ref().map(ToString::to_string),
        name => match message.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
    };
    let wordings = WORDINGS.as_ref().map_err(Error::internal)?;
    let render = |part: &str, write: fn(&mut String, &str)| {
        let file = format!("{}/{}.{part}", draft.locale.as_str(), draft.message.kind());
        let [nameless, named] = wordings.get(&file).ok_or_else(|| Error::internal(&file))?;
        let text = if draft.name.is_some() { named } else { nameless };
        fill(text, said, write).ok_or_else(|| Error::internal(&file))
    };
    Ok(Worded {
        subject: Subject::of(&render("subject", plain)?),
        text: render("txt", plain)?,
        html: render("html", escaped)?,
    })
}

/// The text with what is said in its places; `None` when nothing is said in one.
fn fill(
    text: &str,
    said: impl Fn(&str) -> Option<String>,
    write: fn(&mut String, &str),
) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1}') {
        let (name, after) = after.split_once('\u{2}')?;
        filled.push_str(before);
        write(&mut filled, &said(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn plain(text: &mut String, value: &str) {
    text.push_str(value);
}

/// For HTML, within an attribute as well.
fn escaped(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#x27;"),
            c => text.push(c),
        }
    }
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
        let name = Some(Name::parse("<script>Ada</script>").unwrap());
        Draft { to, user: None, name, locale, message }
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
                        assert!(!part.contains(['\u{1}', '\u{2}']), "{kind}");
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
        let html = html.replace("&#x27;", "'").replace("&quot;", "\"");
        html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }
}
