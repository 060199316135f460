//! The second of two factors: asked for at sign-in, and wherever it must be fresh.

use std::time::Duration;

use super::rate_limits::Attempt;
use super::sessions::{self, Admission, FirstFactor, SignedIn};
use super::{Context, mails};
use crate::app::App;
use crate::domain::event::{Actor, EventKind};
use crate::domain::factor::{Code, TotpFactor, TotpSecret};
use crate::domain::id::UserId;
use crate::domain::mail::Message;
use crate::domain::rate_limit::{By, Limit, Policy, Standing};
use crate::domain::secret::Purpose;
use crate::domain::time::Timestamp;
use crate::domain::token::ChallengeToken;
use crate::domain::user::User;
use crate::error::{Error, Result};
use crate::store::database::{DatabaseError, Row, Statement};
use crate::store::{challenges, events, factors, users};

/// How long a user has to answer.
const CHALLENGE_TTL: Duration = Duration::from_secs(5 * 60);

/// So many wrong codes in a row close an authenticator app until a recovery code
/// or somebody who administers opens it again (NIST SP 800-63B-4, 3.2.2).
pub(super) const MOST_ATTEMPTS: i64 = 100;

/// Wrong codes of one second factor in a row; each makes the next wait longer.
const CODES: Limit = Limit { name: "second_factor", quota: 5, by: By::Account, grows: true };

/// The question for the second factor.
#[derive(Debug)]
pub struct Challenge {
    /// What is answered with: opaque, good once.
    pub token: String,
    /// How long it is good.
    pub expires_in: Duration,
}

/// Asks somebody who has shown a first factor for the second.
pub(super) async fn challenge(
    app: &App,
    cx: &Context,
    shown: FirstFactor,
    now: Timestamp,
) -> Result<Admission> {
    let (user, token) = (shown.user.id, ChallengeToken::new(&*app.rng));
    let expires_at = now.plus(CHALLENGE_TTL);
    let device = shown.device.as_ref();
    let kind = EventKind::SecondFactorRequired;
    let event = cx.event(app, now, Actor::Anonymous, kind, Some(user));
    let mut statements = shown.uses;
    statements.push(users::require_active(user));
    statements.push(challenges::insert(&token.hash(), user, &shown.methods, device, expires_at));
    statements.push(events::append(&event));
    let challenge = Challenge { token: token.reveal(), expires_in: CHALLENGE_TTL };
    let admission = Admission::SecondFactorRequired(challenge);
    let commit = cx.commit(app, statements, &admission).await;
    commit.map_err(|error| error.on_guard(Error::Unauthenticated))?;
    Ok(admission)
}

/// Signs in who answers the question with a good code.
pub async fn complete(app: &App, cx: &Context, token: &str, code: &Code) -> Result<SignedIn> {
    let token = ChallengeToken::parse(token).ok_or(Error::Unauthenticated)?.hash();
    let now = app.now();
    let mut attempt = Attempt::new(app, cx, Policy::SECOND_FACTOR, None);
    let row = attempt.look(app, challenges::by_token(&token, now)).await?;
    attempt.require_left(now)?;
    match answer(app, cx, &token, row, code, now).await {
        Err(error @ (Error::InvalidCode | Error::Unauthenticated)) => {
            attempt.spend(app).await?;
            Err(error)
        }
        outcome => outcome,
    }
}

async fn answer(
    app: &App,
    cx: &Context,
    token: &[u8],
    row: Option<Row>,
    code: &Code,
    now: Timestamp,
) -> Result<SignedIn> {
    let challenge = challenges::from_row(row.ok_or(Error::Unauthenticated)?)?;
    sessions::require_active(&challenge.user)?;
    let totp = challenge.totp.filter(|totp| totp.confirmed_at.is_some());
    let totp = totp.ok_or(Error::Unauthenticated)?;

    let question = Question { app, cx, actor: Actor::Anonymous, user: &challenge.user, now };
    let attempt = challenges::attempt(token, now);
    let uses = question.check(&totp, code, Some(attempt)).await?;
    let methods = challenge.methods.and(code.method());
    let begun =
        sessions::begin(app, cx, challenge.user.clone(), methods, challenge.device, now).await?;
    let mut rest = vec![challenges::take(token, now)];
    rest.extend(begun.statements);
    question.commit(uses, rest, &begun.signed_in).await?;
    Ok(begun.signed_in)
}

/// Who is asked for a code, and by which request.
pub(super) struct Question<'a> {
    pub(super) app: &'a App,
    pub(super) cx: &'a Context,
    pub(super) actor: Actor,
    pub(super) user: &'a User,
    pub(super) now: Timestamp,
}

impl Question<'_> {
    /// Looks at a code, after it was counted as an attempt together with `also`.
    /// Returns what using the code is; [`Question::commit`] does it.
    pub(super) async fn check(
        &self,
        totp: &TotpFactor,
        code: &Code,
        also: Option<Statement>,
    ) -> Result<Vec<Statement>> {
        let most = match code {
            Code::Totp(_) => MOST_ATTEMPTS,
            Code::Recovery(_) => i64::MAX,
        };
        self.count(totp, most, also).await?;
        let user = self.user.id;
        match code {
            Code::Totp(code) => match open(self.app, user, &totp.sealed)?.step_of(code, self.now) {
                Some(step) => Ok(vec![factors::take_step(user, &totp.sealed, step)]),
                None => Err(self.refuse().await?),
            },
            Code::Recovery(code) => {
                let hash = code.hash(&self.app.config.secret_key, user);
                Ok(vec![
                    factors::take_recovery_code(user, &hash, self.now),
                    factors::forget_attempts(user),
                    self.event(EventKind::RecoveryCodeUsed),
                    self.notice(Message::RecoveryCodeUsed {})?,
                ])
            }
        }
    }

    /// Uses a code up, and does what it was shown for, in one commit.
    pub(super) async fn commit<T: 'static>(
        &self,
        uses: Vec<Statement>,
        rest: impl IntoIterator<Item = Statement>,
        outcome: &T,
    ) -> Result<()> {
        let own = uses.len();
        match self.cx.commit(self.app, uses.into_iter().chain(rest), outcome).await {
            Ok(()) => Ok(()),
            Err(DatabaseError::Guard { statement }) if statement < own => {
                Err(self.refuse().await?)
            }
            Err(error) => Err(error.on_guard(Error::Unauthenticated)),
        }
    }

    /// Counts an attempt, or fails if there must not be another one now.
    pub(super) async fn count(
        &self,
        totp: &TotpFactor,
        most: i64,
        also: Option<Statement>,
    ) -> Result<()> {
        let own = usize::from(also.is_some());
        let attempt = factors::attempt(self.user.id, most, self.now);
        match self.app.store.commit(also.into_iter().chain([attempt])).await {
            Ok(()) => Ok(()),
            Err(DatabaseError::Guard { statement }) if statement == own => {
                let retry_after = totp.retry_at.since(self.now).max(Duration::from_secs(1));
                let (limit, window, reset) = (&CODES, retry_after, retry_after);
                let standing =
                    Standing { limit, quota: limit.quota.into(), window, remaining: 0, reset };
                self.cx.limits.set(vec![standing]);
                Err(Error::TooManyRequests { retry_after, limit: limit.name })
            }
            Err(error) => Err(error.on_guard(Error::Unauthenticated)),
        }
    }

    /// Writes down that a code was wrong, and says so.
    pub(super) async fn refuse(&self) -> Result<Error> {
        self.app.store.query(self.event(EventKind::CodeRefused)).await?;
        Ok(Error::InvalidCode)
    }

    pub(super) fn event(&self, kind: EventKind) -> Statement {
        events::append(&self.cx.event(self.app, self.now, self.actor, kind, Some(self.user.id)))
    }

    /// Tells the user of it.
    pub(super) fn notice(&self, message: Message) -> Result<Statement> {
        mails::notice(self.app, self.cx, self.now, self.user, message)
    }
}

/// Decrypts the secret of an authenticator app.
pub(super) fn open(app: &App, user: UserId, sealed: &[u8]) -> Result<TotpSecret> {
    let bytes = app.config.secret_key.open(Purpose::TotpSecrets, user.bytes(), sealed);
    bytes.and_then(|bytes| TotpSecret::from_bytes(&bytes)).ok_or_else(|| {
        Error::internal(
            "a second factor cannot be decrypted: secret_key is not the one that it was stored with",
        )
    })
}
