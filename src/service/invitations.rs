//! Invitations, by those who may. They are accepted in `registrations`.

use super::one_time_tokens::{self, Terms};
use super::rate_limits::{self, Account};
use super::{Context, access, addressees, mails, registrations, user_roles, users};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::event::{EventKind, Subject};
use crate::domain::id::InvitationId;
use crate::domain::invitation::Invitation;
use crate::domain::mail::Message;
use crate::domain::one_time_token::TokenPurpose;
use crate::domain::page::{Page, PageRequest};
use crate::domain::rate_limit::Policy;
use crate::domain::role::{Permission, Permissions, RoleName};
use crate::error::{Error, Result};
use crate::store::addressees::Addressee;
use crate::store::one_time_tokens::end;
use crate::store::{events, invitations, roles};

const PURPOSE: TokenPurpose = TokenPurpose::Invitation;

/// Invites an address, in the place of an earlier invitation of it. The roles must
/// not allow what the caller may not do.
pub async fn create(
    app: &App,
    cx: &Context,
    email: Email,
    roles: Vec<RoleName>,
) -> Result<Invitation> {
    // A person invites: what an invitation may give is what they may still do when
    // it is accepted.
    let caller = access::signed_in(app, cx).await?;
    if !caller.user.permissions.allow(&Permission::INVITATIONS_WRITE) {
        return Err(Error::lacks(Permission::INVITATIONS_WRITE));
    }
    if roles != [RoleName::USER] && !caller.user.permissions.allow(&Permission::ROLES_WRITE) {
        return Err(Error::lacks(Permission::ROLES_WRITE));
    }
    registrations::require_not_closed(app)?;
    require_grantable(app, &caller.user.permissions, &roles).await?;
    let account = Account::Actor(caller.actor());
    rate_limits::spend(app, cx, Policy::INVITATION, Some(account)).await?;
    let now = app.now();
    if let Addressee::User(..) = addressees::by_address(app, email.normalized(), now).await? {
        return Err(users::taken());
    }
    let id = InvitationId::new(now, &*app.rng);
    let data = Some(id.to_string());
    let terms = Terms { purpose: PURPOSE, subject: email.normalized(), user: None, data };
    let issued = one_time_tokens::issue(app, now, terms);
    let message = Message::Invitation {
        inviter: caller.user.name.to_string(),
        link: one_time_tokens::link(app, "accept-invitation", &issued.token),
        days: PURPOSE.lifetime().as_secs() / 86_400,
    };
    let draft = addressees::draft_to_stranger(app, cx, &email, message);
    let (invited_by, expires_at) = (caller.user.id, issued.expires_at);
    let invitation = Invitation { id, email, roles, invited_by, created_at: now, expires_at };
    let kind = EventKind::InvitationCreated;
    let event = cx.event(app, now, caller.actor(), kind, Some(Subject::Invitation(id)));
    let statements = [
        caller.still(),
        invitations::put(&invitation),
        issued.statement,
        mails::write(app, cx, now, draft, Some(expires_at), mails::Send::Yes)?,
        events::append(&event),
    ];
    let commit = cx.commit(app, statements, &invitation).await;
    commit.map_err(|error| error.on_guard(super::busy()))?;
    Ok(invitation)
}

/// A page of the invitations that are open.
pub async fn list(app: &App, cx: &Context, page: &PageRequest) -> Result<Page<Invitation>> {
    let statement = invitations::list(page, app.now());
    let order = " ORDER BY target.invitation_id";
    let (caller, rows) = access::caller_with(app, cx, statement, order).await?;
    caller.require(&Permission::INVITATIONS_WRITE)?;
    let items = rows.into_iter().map(invitations::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(items, page.limit, |invitation| invitation.id.to_string()))
}

/// Takes an invitation back.
pub async fn revoke(app: &App, cx: &Context, id: InvitationId) -> Result<()> {
    let statement = invitations::by_id(id, app.now());
    let (caller, rows) = access::caller_with(app, cx, statement, "").await?;
    caller.require(&Permission::INVITATIONS_WRITE)?;
    let gone = || Error::NotFound("invitation");
    let row = rows.into_iter().next().ok_or_else(gone)?;
    let invitation = invitations::from_row(row)?;
    let now = app.now();
    let kind = EventKind::InvitationRevoked;
    let event = cx.event(app, now, caller.actor(), kind, Some(Subject::Invitation(id)));
    let statements = [
        invitations::delete(id),
        end(PURPOSE, invitation.email.normalized()),
        events::append(&event),
    ];
    app.store.commit(statements).await.map_err(|error| error.on_guard(gone()))
}

/// Fails unless the roles exist and allow nothing that the caller may not do.
/// Everybody who may invite may invite users.
async fn require_grantable(app: &App, holds: &Permissions, wanted: &[RoleName]) -> Result<()> {
    if wanted == [RoleName::USER] {
        return Ok(());
    }
    let names = wanted.iter().cloned().collect();
    let rows = app.store.query(roles::by_names(&names)).await?;
    let found = rows.into_iter().map(roles::from_row).collect::<Result<Vec<_>, _>>()?;
    user_roles::grantable(holds, &names, &found).map(drop)
}
