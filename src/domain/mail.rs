//! Mails: to whom, in which language, about what. How they are worded stands
//! in `templates/mail`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::email::Email;
use super::id::UserId;
use super::locale::Locale;
use super::name::Name;

/// What a mail is about. The name of a variant names its templates, and its
/// members are what they may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// Whoever registered, or an admin's user, shall prove the address.
    VerifyEmail {
        /// Where that is done.
        link: String,
        /// How long the link is good.
        hours: u64,
    },
    /// Somebody registered with an address that has an account already.
    AccountExists {
        /// Where one signs in.
        link: String,
    },
    /// Somebody wants to set a new password.
    ResetPassword {
        /// Where that is done.
        link: String,
        /// How long the link is good.
        minutes: u64,
    },
    /// The password is another one now.
    PasswordChanged {},
    /// A second factor is asked for from now on.
    SecondFactorAdded {},
    /// The second factor is gone.
    SecondFactorRemoved {},
    /// A recovery code took the place of the second factor.
    RecoveryCodeUsed {},
    /// A link that signs in.
    MagicLink {
        /// The link.
        link: String,
        /// How long it is good.
        minutes: u64,
    },
    /// A code that signs in.
    EmailCode {
        /// The code, in two groups of digits.
        code: String,
        /// How long it is good.
        minutes: u64,
    },
    /// Somebody may register.
    Invitation {
        /// Who says so.
        inviter: String,
        /// Where that is done.
        link: String,
        /// How long the link is good.
        days: u64,
    },
    /// The address shall become that of an account.
    ConfirmNewEmail {
        /// Where that is agreed to.
        link: String,
        /// How long the link is good.
        minutes: u64,
    },
    /// To the old address: another one shall take its place.
    EmailChangeRequested {
        /// The other one.
        new_email: String,
    },
    /// To the old address: another one took its place.
    EmailChanged {
        /// The other one.
        new_email: String,
    },
}

impl Message {
    /// The name of its templates.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::AccountExists { .. } => "account_exists",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged {} => "password_changed",
            Self::SecondFactorAdded {} => "second_factor_added",
            Self::SecondFactorRemoved {} => "second_factor_removed",
            Self::RecoveryCodeUsed {} => "recovery_code_used",
            Self::MagicLink { .. } => "magic_link",
            Self::EmailCode { .. } => "email_code",
            Self::Invitation { .. } => "invitation",
            Self::ConfirmNewEmail { .. } => "confirm_new_email",
            Self::EmailChangeRequested { .. } => "email_change_requested",
            Self::EmailChanged { .. } => "email_changed",
        }
    }
}

/// A mail that is not worded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// To whom.
    pub to: Email,
    /// The user whose account it is about, whichever address it goes to.
    pub user: Option<UserId>,
    /// How the mail greets them. Absent while the address is unproven: what a
    /// stranger typed is not sent to people in our name.
    pub name: Option<Name>,
    /// In which language.
    pub locale: Locale,
    /// About what.
    pub message: Message,
}

/// A mail as its receiver gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Names the mail, for providers that know what they were given twice.
    pub id: String,
    /// Who sends it, in words.
    pub sender: Name,
    /// From where.
    pub from: Email,
    /// To whom.
    pub to: Email,
    /// What it is about.
    pub subject: Subject,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

/// The subject of a mail: one line, so that no header can follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// Makes one line of a text: white space becomes single spaces, and other
    /// control characters are left out.
    pub fn of(text: &str) -> Self {
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Self(words.join(" "))
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How often handing a mail over is tried.
pub const MAX_TRIES: i64 = 10;

/// When to try again after so many tries that failed: 10 seconds, then three times
/// longer each time, at most six hours. `None` when it is time to give up, which
/// is after some sixteen hours.
pub fn next_try(tries: i64) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(6 * 3_600);
    if !(1..MAX_TRIES).contains(&tries) {
        return None;
    }
    let steps = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    let seconds = 10_u64.saturating_mul(3_u64.saturating_pow(steps));
    Some(Duration::from_secs(seconds).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_apart_and_end() {
        let waits: Vec<_> = (1..).map_while(next_try).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [10, 30, 90, 270, 810, 2_430, 7_290, 21_600, 21_600]);
        assert_eq!(next_try(0), None);
        assert_eq!(next_try(i64::MAX), None);
    }

    #[test]
    fn a_subject_is_one_line() {
        for (text, expected) in [
            ("Your code\n", "Your code"),
            ("a\r\nBcc: everybody@example.com", "a Bcc: everybody@example.com"),
            ("a\u{0}b\u{85}c\u{2028}d", "a b c d"),
        ] {
            assert_eq!(Subject::of(text).as_str(), expected);
        }
    }

    #[test]
    fn a_message_is_stored_under_the_name_of_its_templates() {
        let message = Message::EmailCode { code: "1234 5678".to_owned(), minutes: 10 };
        let stored = serde_json::to_value(&message).unwrap();
        assert_eq!(stored["kind"], message.kind());
        assert_eq!(serde_json::from_value::<Message>(stored).unwrap(), message);
    }
}
