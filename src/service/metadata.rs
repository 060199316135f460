//! What metadata may be, as the operator says it.
//!
//! What is written must be allowed. What was written under another schema stays as it
//! is until it is written again: a change of a name does not fail for it.

use crate::app::App;
use crate::domain::metadata::{MergePatch, Metadata};
use crate::domain::schema::Schema;
use crate::domain::user::Profile;
use crate::error::{Error, FieldError, Result};

/// Whose metadata, and for whom.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The application's, and the user sees it.
    Public,
    /// The application's alone.
    Private,
    /// The user's.
    Own,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Public => "metadata",
            Self::Private => "private_metadata",
            Self::Own => "own_metadata",
        }
    }

    fn schema(self, app: &App) -> Option<&Schema> {
        let schemas = &app.config.schemas;
        match self {
            Self::Public => schemas.metadata.as_ref(),
            Self::Private => schemas.private_metadata.as_ref(),
            Self::Own => schemas.own_metadata.as_ref(),
        }
    }

    fn check(self, app: &App, metadata: &Metadata) -> Vec<FieldError> {
        let check = |schema: &Schema| schema.check(&metadata.to_value(), self.name());
        self.schema(app).map(check).unwrap_or_default()
    }
}

/// Fails unless all metadata that a profile writes is allowed.
pub(super) fn require_whole(app: &App, profile: &Profile) -> Result<()> {
    let (metadata, private) = (&profile.metadata, &profile.private_metadata);
    require(app, Some(metadata), Some(private), profile.own_metadata.as_ref())
}

/// Fails unless what is given is allowed: metadata, private and own.
pub(super) fn require(
    app: &App,
    metadata: Option<&Metadata>,
    private: Option<&Metadata>,
    own: Option<&Metadata>,
) -> Result<()> {
    let given = [(Kind::Public, metadata), (Kind::Private, private), (Kind::Own, own)];
    let given = given.into_iter().filter_map(|(kind, metadata)| Some((kind, metadata?)));
    let errors: Vec<_> = given.flat_map(|(kind, metadata)| kind.check(app, metadata)).collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// The metadata after a patch, if there is one, and if that is allowed.
pub(super) fn merged(
    app: &App,
    kind: Kind,
    metadata: Metadata,
    patch: Option<&MergePatch>,
) -> Result<Metadata> {
    let Some(patch) = patch else { return Ok(metadata) };
    let merged = metadata.merged(patch);
    let merged = merged.map_err(|reason| Error::invalid(kind.name(), reason))?;
    let errors = kind.check(app, &merged);
    if errors.is_empty() { Ok(merged) } else { Err(Error::Invalid(errors)) }
}
