//! Registration: an account that somebody makes for themselves.
//!
//! Until the address is proven there is no user. Each registration is kept apart,
//! with its own password and its own token, and the first token that comes back
//! makes the user: what others gave for the same address goes with it. So nobody
//! who registers another one's address in advance has a password to an account
//! that the owner of the address makes.

use super::one_time_tokens::{self, Issued, Terms};
use super::{Context, MAX_TRIES, addressees, mails, passwords};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{Actor, EventKind, Subject};
use crate::domain::id::{InvitationId, RegistrationId, UserId};
use crate::domain::invitation::Invitation;
use crate::domain::mail::Message;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::domain::password::Password;
use crate::domain::rate_limit::Policy;
use crate::domain::registration::{self, Registration, RegistrationMode};
use crate::domain::role::{Permission, RoleName};
use crate::domain::time::Timestamp;
use crate::domain::user::{Profile, User};
use crate::error::{Error, Invalid, Result};
use crate::store::addressees::Addressee;
use crate::store::database::{DatabaseError, Statement};
use crate::store::invitations::Inviter;
use crate::store::users::NewUser;
use crate::store::{
    events, invitations, one_time_tokens as stored_tokens, registrations, roles, users,
};

/// What somebody registers with.
pub struct NewRegistration {
    /// The address to be proven.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// What they are called.
    pub name: Name,
    /// The token of an invitation, which proves the address.
    pub invitation: Option<OneTimeToken>,
}

/// Registers somebody. The answer does not tell, by its words or by its time,
/// whether the address is known; the mail does.
pub async fn register(app: &App, cx: &Context, new: NewRegistration) -> Result<()> {
    match &new.invitation {
        None => {
            require_open(app)?;
            ask_for_proof(app, cx, new).await
        }
        Some(token) => {
            require_not_closed(app)?;
            accept(app, cx, &new, token).await
        }
    }
}

/// Fails where nobody becomes a user by a registration, also by one that was made when
/// everybody could.
pub(super) fn require_open(app: &App) -> Result<()> {
    require_not_closed(app)?;
    if app.config.registration == RegistrationMode::Invite {
        let detail = "Only who was invited can register here, with the invitation.";
        return Err(Error::refused("invitation_required", detail));
    }
    Ok(())
}

/// Fails where nobody becomes a user by an invitation either.
pub(super) fn require_not_closed(app: &App) -> Result<()> {
    if app.config.registration == RegistrationMode::Closed {
        return Err(Error::refused("registration_closed", "Nobody can register here."));
    }
    Ok(())
}

async fn ask_for_proof(app: &App, cx: &Context, new: NewRegistration) -> Result<()> {
    let addressee =
        addressees::named_by_stranger(app, cx, Policy::REGISTRATION, &new.email).await?;
    let password_hash =
        passwords::hash_for(app, (&new.email, &new.name), "password", new.password).await?;
    let now = app.now();
    let id = RegistrationId::new(now, &*app.rng);
    let registration = Registration { id, email: new.email, name: new.name, password_hash };
    let Issued { token, expires_at, statement } = proof(app, now, &registration);
    let (draft, kept_until, subject) = match &addressee {
        Addressee::User(user, _) => {
            let message = Message::AccountExists { link: app.config.mail.app_url.clone() };
            // Written all the same, and over before it begins.
            (addressees::draft_to(app, cx, user, message), now, Some(user.id))
        }
        Addressee::Registered(..) | Addressee::Nobody => {
            let message = proof_message(app, &token);
            let draft = addressees::draft_to_stranger(app, cx, &registration.email, message);
            (draft, now.plus(registration::LIFETIME), None)
        }
    };
    let event = cx.event(app, now, Actor::Anonymous, EventKind::RegistrationRequested, subject);
    let statements = [
        registrations::insert(&registration, now, kept_until),
        statement,
        mails::write(app, cx, now, draft, Some(expires_at), mails::Send::Yes)?,
        events::append(&event),
    ];
    Ok(cx.commit(app, statements, &()).await?)
}

/// A token that proves the address of a registration.
pub(super) fn proof(app: &App, now: Timestamp, registration: &Registration) -> Issued {
    let subject = registration.id.to_string();
    let purpose = TokenPurpose::Registration;
    one_time_tokens::issue(app, now, Terms { purpose, subject: &subject, user: None, data: None })
}

/// What the mail with such a token says.
pub(super) fn proof_message(app: &App, token: &OneTimeToken) -> Message {
    let hours = TokenPurpose::Registration.lifetime().as_secs() / 3_600;
    Message::VerifyEmail { link: one_time_tokens::link(app, "verify-email", token), hours }
}

/// Whoever becomes a user.
pub(super) struct Person<'a> {
    /// The address, which was just proven.
    pub(super) email: &'a Email,
    /// What they are called.
    pub(super) name: &'a Name,
    /// The password as a PHC string, if it is theirs beyond doubt.
    pub(super) password_hash: Option<&'a str>,
    /// What they will be.
    pub(super) roles: &'a [RoleName],
}

/// Makes a user of somebody who proved the address, and ends what was to make one of it:
/// all registrations, and an invitation.
pub(super) fn admit(
    app: &App,
    cx: &Context,
    now: Timestamp,
    person: &Person<'_>,
) -> (User, Vec<Statement>) {
    let Person { email, name, password_hash, roles } = *person;
    let (email, name) = (email.clone(), name.clone());
    let profile = Profile::new(email, name);
    let id = UserId::new(now, &*app.rng);
    let new =
        NewUser { id, profile: &profile, password_hash, email_verified_at: Some(now), at: now };
    let email = &profile.email;
    let mut statements = vec![
        users::insert(&new),
        registrations::delete_of(email),
        invitations::delete_of(email),
        stored_tokens::bind(email.normalized(), id),
    ];
    statements.extend(roles.iter().map(|role| roles::grant_if_there(id, role)));
    let actor = Actor::Anonymous;
    for kind in [EventKind::UserCreated, EventKind::EmailVerified] {
        statements.push(events::append(&cx.event(app, now, actor, kind, Some(id))));
    }
    let user = User {
        id,
        email: profile.email,
        email_verified_at: Some(now),
        name: profile.name,
        external_id: None,
        roles: roles.to_vec(),
        permissions: Default::default(),
        metadata: profile.metadata,
        own_metadata: Metadata::default(),
        created_at: now,
        updated_at: now,
        suspended_at: None,
        version: 1,
    };
    (user, statements)
}

/// Registers somebody who was invited: the invitation proves the address.
async fn accept(
    app: &App,
    cx: &Context,
    new: &NewRegistration,
    token: &OneTimeToken,
) -> Result<()> {
    let invalid = || one_time_tokens::invalid("invitation");
    let stored = one_time_tokens::find(app, cx, TokenPurpose::Invitation, token).await?;
    let stored = stored.ok_or_else(invalid)?;
    let id = stored.data.as_deref().and_then(|id| InvitationId::parse(id).ok());
    let id = id.ok_or_else(invalid)?;
    let (invitation, _) = open_invitation(app, id).await?.ok_or_else(invalid)?;
    if invitation.email.normalized() != new.email.normalized() {
        let reason = Invalid::new("not_invited", "is not the address that was invited");
        return Err(Error::invalid("email", reason));
    }
    let hash =
        passwords::hash_for(app, (&new.email, &new.name), "password", new.password.clone()).await?;
    for _ in 0..MAX_TRIES {
        // Looked at again: hashing took its time, in which power may have been lost.
        let (invitation, still) = open_invitation(app, id).await?.ok_or_else(invalid)?;
        let now = app.now();
        let person = Person {
            email: &new.email,
            name: &new.name,
            password_hash: Some(&hash),
            roles: &invitation.roles,
        };
        let (user, made) = admit(app, cx, now, &person);
        let (actor, subject) = (Actor::User(user.id), Subject::Invitation(id));
        let event = cx.event(app, now, actor, EventKind::InvitationAccepted, Some(subject));
        let mut statements =
            vec![still, stored_tokens::consume(&stored, now), invitations::delete(invitation.id)];
        statements.extend(made);
        statements.push(events::append(&event));
        match cx.commit(app, statements, &()).await {
            Ok(()) => return Ok(()),
            // Something of the inviter changed, which may be nothing that matters here.
            Err(DatabaseError::Guard { statement: 0 }) => {}
            Err(error) => return Err(one_time_tokens::refused(error, "invitation")),
        }
    }
    Err(super::busy())
}

/// The invitation, and what undoes a commit in which whoever made it is no longer who
/// they were; nothing if they could not make it any more: a power that was lost is not
/// given to others afterwards.
async fn open_invitation(app: &App, id: InvitationId) -> Result<Option<(Invitation, Statement)>> {
    let row = app.store.query(invitations::by_id(id, app.now())).await?.into_iter().next();
    let Some(invitation) = row.map(invitations::from_row).transpose()? else { return Ok(None) };
    let row = app.store.query(invitations::inviter(id)).await?.into_iter().next();
    let inviter = row.map(invitations::inviter_from_row).transpose()?;
    let may_still = |inviter: &Inviter| {
        let is_of_users = invitation.roles == [RoleName::USER];
        inviter.held.allow(&Permission::INVITATIONS_WRITE)
            && (is_of_users
                || inviter.held.allow(&Permission::ROLES_WRITE)
                    && inviter.held.cover(&inviter.given))
    };
    Ok(inviter.filter(may_still).map(|inviter| {
        let still = invitations::require_inviter(invitation.invited_by, inviter.version);
        (invitation, still)
    }))
}
