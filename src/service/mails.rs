//! Mails: kept in the commit that causes them, handed over when the request
//! was answered, and tried again until they are.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, addressees};
use crate::app::App;
use crate::config::{LogLevel, MailTransport};
use crate::domain::email::Email;
use crate::domain::id::MailId;
use crate::domain::locale::Locale;
use crate::domain::mail::{Draft, Mail, Message, next_try};
use crate::domain::name::Name;
use crate::domain::page::{Page, PageRequest};
use crate::domain::secret::Purpose;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::mailer::{NotSent, templates};
use crate::store::database::Statement;
use crate::store::mails::{self, ClaimedMail, KeptMail, NewMail};

/// How many mails are handed over at the same time.
const BATCH: u32 = 8;
/// How long a claimed mail belongs to whoever claimed it: longer than handing it
/// over can take.
const LEASE: Duration = Duration::from_secs(60);
/// How long the work after a response goes on.
const BACKGROUND_TIME: Duration = Duration::from_secs(15);

/// Whether a mail is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Send {
    /// It is.
    Yes,
    /// It is not: nobody is there to get it, and the answer shall not tell.
    Pretend,
}

/// Writes a mail, which what it says makes useless at `expires_at`.
pub(super) fn write(
    app: &App,
    cx: &Context,
    now: Timestamp,
    draft: Draft,
    expires_at: Option<Timestamp>,
    send: Send,
) -> Result<Statement> {
    let id = MailId::new(now, &*app.rng);
    let kind = draft.message.kind();
    let recipient = match draft.user {
        Some(user) => recipient(app, user.bytes()),
        None => recipient(app, draft.to.normalized().as_bytes()),
    };
    let content = seal(app, id, draft)?;
    // Set also for those that are not sent: what comes after the response shall
    // not tell either.
    cx.wrote_mail.set();
    let is_due = send == Send::Yes;
    let content = &content;
    Ok(mails::insert(&NewMail { id, kind, recipient, content, at: now, is_due, expires_at }))
}

/// By what the mails to a user are found, and those to the address, from when it was
/// nobody's: nobody reads either in the database.
pub(super) fn recipients(app: &App, user: &User) -> [[u8; 32]; 2] {
    [user.id.bytes().as_slice(), user.email.normalized().as_bytes()]
        .map(|whose| recipient(app, whose))
}

fn recipient(app: &App, whose: &[u8]) -> [u8; 32] {
    app.config.secret_key.authenticate(Purpose::MailRecipients, &[whose])
}

/// Tells a user what became of their account.
pub(super) fn notice(
    app: &App,
    cx: &Context,
    now: Timestamp,
    user: &User,
    message: Message,
) -> Result<Statement> {
    write(app, cx, now, addressees::draft_to(app, cx, user, message), None, Send::Yes)
}

/// What became of the mails that were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Handed over.
    pub sent: u32,
    /// To be tried again.
    pub put_off: u32,
    /// Not to be tried again.
    pub given_up: u32,
}

/// Hands over what is due, after a response. What fails is tried again later.
pub async fn deliver_due(app: &App) {
    if let Err(error) = deliver(app, BACKGROUND_TIME).await {
        log(app, json!({"message": "mails were not looked at", "error": error.cause()}));
    }
}

/// Hands over what is due, and begins nothing new after so long.
pub(super) async fn deliver(app: &App, time: Duration) -> Result<Delivered> {
    let end = app.now().plus(time);
    let mut delivered = Delivered::default();
    loop {
        let now = app.now();
        let rows = app.store.query(mails::claim(now, now.plus(LEASE), BATCH)).await?;
        let claimed = rows.into_iter().map(mails::claimed_from_row);
        let claimed = claimed.collect::<Result<Vec<_>, _>>()?;
        let is_last = claimed.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        if !claimed.is_empty() {
            let results = join_all(claimed.into_iter().map(|mail| hand_over(app, mail))).await;
            let statements =
                results.into_iter().map(|(mail, result)| delivered.note(app, &mail, result));
            app.store.commit(statements.collect::<Vec<_>>()).await?;
        }
        if is_last || app.now() >= end {
            return Ok(delivered);
        }
    }
}

impl Delivered {
    /// Counts a result, and says how it is kept.
    fn note(&mut self, app: &App, mail: &ClaimedMail, result: Result<(), NotSent>) -> Statement {
        let now = app.now();
        let count = |counter: &mut u32| *counter = counter.saturating_add(1);
        let Err(NotSent(reason)) = result else {
            count(&mut self.sent);
            return mails::sent(mail.id, now, keeps_mails(app));
        };
        let is_useless = |at: Timestamp| mail.expires_at.is_some_and(|end| end <= at);
        let next = next_try(mail.tries).map(|wait| now.plus(wait));
        let next = next.filter(|next| !is_useless(*next));
        log(
            app,
            json!({"message": "a mail was not sent", "mail": mail.id.to_string(),
            "kind": mail.kind, "tries": mail.tries, "error": reason,
            "next_try": next.map(|next| next.to_string())}),
        );
        match next {
            Some(next) => {
                count(&mut self.put_off);
                mails::put_off(mail.id, next, &reason)
            }
            None => {
                count(&mut self.given_up);
                mails::give_up(mail.id, now, &reason)
            }
        }
    }
}

async fn hand_over(app: &App, mail: ClaimedMail) -> (ClaimedMail, Result<(), NotSent>) {
    let result = match word(app, mail.id, &mail.content) {
        Ok((worded, _)) => app.mailer.send(worded).await,
        Err(error) => Err(NotSent(error.cause().unwrap_or("it cannot be worded").to_owned())),
    };
    (mail, result)
}

/// A mail in the mailbox.
#[derive(Debug)]
pub struct MailboxItem {
    /// What its receiver would have got.
    pub mail: Mail,
    /// Which mail it is.
    pub kind: &'static str,
    /// In which language.
    pub locale: Locale,
    /// When it was caused.
    pub created_at: Timestamp,
    /// When it was handed over.
    pub sent_at: Option<Timestamp>,
}

/// What was mailed, newest first. There is a mailbox only where nothing is sent.
/// It shows tokens, so it is for whoever sits at the machine, unless the operator
/// opens it.
pub async fn mailbox(app: &App, cx: &Context, page: &PageRequest) -> Result<Page<MailboxItem>> {
    if !keeps_mails(app) || !(cx.is_local || app.config.mail.mailbox_for_everybody) {
        return Err(Error::NotFound("mailbox"));
    }
    let rows = app.store.query(mails::list(page)).await?;
    let item = |row| {
        let KeptMail { id, content, created_at, sent_at } = mails::kept_from_row(row)?;
        let (mail, draft) = word(app, id, &content)?;
        let kind = draft.message.kind();
        Ok(MailboxItem { mail, kind, locale: draft.locale, created_at, sent_at })
    };
    let items = rows.into_iter().map(item).collect::<Result<Vec<_>>>()?;
    Ok(Page::of(items, page.limit, |item| item.mail.id.clone()))
}

/// Whether mails stay after they were sent.
fn keeps_mails(app: &App) -> bool {
    matches!(app.config.mail.transport, MailTransport::Mailbox)
}

/// A draft as it is encrypted.
#[derive(Serialize, Deserialize)]
struct Content {
    to: String,
    name: Option<String>,
    locale: String,
    message: Message,
}

fn seal(app: &App, id: MailId, draft: Draft) -> Result<Vec<u8>> {
    let content = Content {
        to: draft.to.to_string(),
        name: draft.name.map(|name| name.to_string()),
        locale: draft.locale.as_str().to_owned(),
        message: draft.message,
    };
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&content).map_err(Error::internal)?);
    Ok(app.config.secret_key.seal(Purpose::Mails, id.bytes(), &plain, &*app.rng))
}

fn open(app: &App, id: MailId, content: &[u8]) -> Result<Draft> {
    let damaged = || Error::internal("it cannot be decrypted or read");
    let plain = app.config.secret_key.open(Purpose::Mails, id.bytes(), content);
    let content: Content =
        serde_json::from_slice(&plain.ok_or_else(damaged)?).map_err(|_| damaged())?;
    Ok(Draft {
        to: Email::parse(&content.to).map_err(|_| damaged())?,
        user: None,
        name: content.name.and_then(|name| Name::parse(&name).ok()),
        locale: Locale::parse(&content.locale).unwrap_or(app.config.mail.locale),
        message: content.message,
    })
}

fn word(app: &App, id: MailId, content: &[u8]) -> Result<(Mail, Draft)> {
    let draft = open(app, id, content)?;
    let config = &app.config.mail;
    let worded = templates::word(&draft, config.app_name.as_str())?;
    let mail = Mail {
        id: id.to_string(),
        sender: config.app_name.clone(),
        from: config.from.clone(),
        to: draft.to.clone(),
        subject: worded.subject,
        text: worded.text,
        html: worded.html,
    };
    Ok((mail, draft))
}

/// A line in the log, without the address and without what the mail says.
fn log(app: &App, mut line: serde_json::Value) {
    if app.config.log_level < LogLevel::Warn {
        return;
    }
    if let Some(members) = line.as_object_mut() {
        members.insert("time".to_owned(), json!(app.now().to_string()));
        members.insert("level".to_owned(), json!("warn"));
    }
    app.log.line(&line.to_string());
}
