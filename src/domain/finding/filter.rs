//! Conditions on users.

use super::parse;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::id::UserId;
use crate::domain::role::RoleName;
use crate::domain::time::Timestamp;
use crate::domain::unicode::{fold_case, nfc};
use crate::error::Invalid;

/// What must hold of a user. There is no third answer besides yes and no: a
/// comparison with something that a user does not have is false.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// This.
    Is(Condition),
}

/// What must hold of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Which one.
    pub field: Field,
    /// What must hold of it.
    pub test: Test,
}

/// What users are found and sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The id.
    Id,
    /// The address in its normalised form.
    Email,
    /// The name in its normalised form.
    Name,
    /// The application's own key.
    ExternalId,
    /// When the user was created.
    CreatedAt,
    /// When the user changed last.
    UpdatedAt,
    /// When the address was proven.
    EmailVerifiedAt,
    /// Since when the user may not sign in.
    SuspendedAt,
    /// One of the roles.
    Role,
}

/// What must hold of a field. Texts are compared by their bytes in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The user has it.
    Present,
    /// It is this.
    Equals(Operand),
    /// It is less, or earlier.
    Less(Operand),
    /// It is not more.
    AtMost(Operand),
    /// It is more, or later.
    More(Operand),
    /// It is not less.
    AtLeast(Operand),
    /// It starts with this.
    Starts(String),
    /// It ends with this.
    Ends(String),
    /// It contains this.
    Contains(String),
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A text, in the form in which the field is kept.
    Text(String),
    /// A moment, in microseconds.
    Number(i64),
}

impl Filter {
    /// Reads a filter in the grammar of SCIM (RFC 7644, 3.4.2.2) without complex
    /// attributes.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        parse::filter(text)
    }

    /// That a field is exactly this.
    pub fn equals(field: Field, text: &str) -> Result<Self, Invalid> {
        let operand = field.operand(text)?;
        Ok(Self::Is(Condition { field, test: Test::Equals(operand) }))
    }
}

impl Condition {
    /// Whether at most one user can meet it, who is found at once.
    pub fn is_of_one(&self) -> bool {
        self.field.is_unique() && matches!(self.test, Test::Equals(_))
    }
}

impl Test {
    /// Whether it holds for one range of values.
    pub fn is_range(&self) -> bool {
        !matches!(self, Self::Ends(_) | Self::Contains(_))
    }
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 9] = [
        Self::Id,
        Self::Email,
        Self::Name,
        Self::ExternalId,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::EmailVerifiedAt,
        Self::SuspendedAt,
        Self::Role,
    ];

    /// Its name, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(text))
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Name => "name",
            Self::ExternalId => "external_id",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::EmailVerifiedAt => "email_verified_at",
            Self::SuspendedAt => "suspended_at",
            Self::Role => "role",
        }
    }

    /// Whether it is a moment.
    pub const fn is_time(self) -> bool {
        use Field::{CreatedAt, EmailVerifiedAt, SuspendedAt, UpdatedAt};
        matches!(self, CreatedAt | UpdatedAt | EmailVerifiedAt | SuspendedAt)
    }

    /// Whether some users do not have it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::ExternalId | Self::EmailVerifiedAt | Self::SuspendedAt)
    }

    /// Whether no two users have the same.
    pub const fn is_unique(self) -> bool {
        matches!(self, Self::Id | Self::Email | Self::ExternalId)
    }

    /// Whether an index has it, and the id behind it unless it is unique.
    pub const fn is_sortable(self) -> bool {
        !matches!(self, Self::EmailVerifiedAt | Self::Role)
    }

    /// Whether it is a text of which parts can be asked for.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Email | Self::Name | Self::ExternalId)
    }

    /// A whole value of the field, in the form in which it is kept.
    pub fn operand(self, text: &str) -> Result<Operand, Invalid> {
        Ok(Operand::Text(match self {
            Self::Id => UserId::parse(text)?.to_string(),
            Self::Email => Email::parse(text)?.normalized().to_owned(),
            Self::Role => RoleName::parse(text)?.to_string(),
            Self::ExternalId => ExternalId::parse(text)?.as_str().to_owned(),
            Self::Name => return self.part(text).map(Operand::Text),
            Self::CreatedAt | Self::UpdatedAt | Self::EmailVerifiedAt | Self::SuspendedAt => {
                let reason = "must be a time such as 2026-01-01T00:00:00Z";
                let at = Timestamp::parse(text);
                let at = at.ok_or_else(|| Invalid::new("invalid_time", reason))?;
                return Ok(Operand::Number(at.micros()));
            }
        }))
    }

    /// A part of a text of the field, in the form in which it is kept.
    pub fn part(self, text: &str) -> Result<String, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if text.chars().any(char::is_control) {
            let message = "must not have control characters";
            return Err(Invalid::new("invalid_characters", message));
        }
        Ok(if self == Self::ExternalId { text.to_owned() } else { fold_case(&nfc(text)) })
    }
}
