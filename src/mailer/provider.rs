//! Mail over HTTP: JSON to the API of a provider.

use std::sync::Arc;

use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Mailer, NotSent, TIMEOUT};
use crate::domain::email::Email;
use crate::domain::mail::Mail;
use crate::domain::name::Name;
use crate::http_client::HttpClient;
use crate::store::database::BoxFuture;

/// Whose API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Any that takes our own form.
    Generic,
    /// Postmark, `POST /email`.
    Postmark,
    /// Resend, `POST /emails`.
    Resend,
    /// SendGrid, `POST /v3/mail/send`.
    SendGrid,
}

impl Provider {
    /// Reads the setting.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "generic" => Some(Self::Generic),
            "postmark" => Some(Self::Postmark),
            "resend" => Some(Self::Resend),
            "sendgrid" => Some(Self::SendGrid),
            _ => None,
        }
    }

    /// Where it takes mails, unless the operator says otherwise.
    const fn path(self) -> &'static str {
        match self {
            Self::Generic => "/",
            Self::Postmark => "/email",
            Self::Resend => "/emails",
            Self::SendGrid => "/v3/mail/send",
        }
    }

    /// The mail in its form. No provider may count who opens it or rewrite its
    /// links: they hold tokens.
    fn body(self, mail: &Mail) -> Value {
        let subject = mail.subject.as_str();
        let (text, html) = (&mail.text, &mail.html);
        let (from, to) = (mail.from.as_str(), mail.to.as_str());
        let sender = mail.sender.as_str();
        match self {
            Self::Generic => json!({
                "id": mail.id,
                "from": {"address": from, "name": sender},
                "to": {"address": to},
                "subject": subject,
                "text": text,
                "html": html,
            }),
            Self::Postmark => json!({
                "From": mailbox(&mail.sender, &mail.from),
                "To": to,
                "Subject": subject,
                "TextBody": text,
                "HtmlBody": html,
                "TrackOpens": false,
                "TrackLinks": "None",
                "MessageStream": "outbound",
            }),
            Self::Resend => json!({
                "from": mailbox(&mail.sender, &mail.from),
                "to": [to],
                "subject": subject,
                "text": text,
                "html": html,
            }),
            Self::SendGrid => json!({
                "personalizations": [{"to": [{"email": to}]}],
                "from": {"email": from, "name": sender},
                "subject": subject,
                "content": [
                    {"type": "text/plain", "value": text},
                    {"type": "text/html", "value": html},
                ],
                "tracking_settings": {
                    "click_tracking": {"enable": false, "enable_text": false},
                    "open_tracking": {"enable": false},
                },
            }),
        }
    }

    /// How it wants the token, and how it tells a mail that it was given twice.
    fn headers(self, token: &str, mail: &Mail) -> Vec<(&'static str, String)> {
        let bearer = ("authorization", format!("Bearer {token}"));
        match self {
            Self::Generic => vec![bearer, ("idempotency-key", format!("\"{}\"", mail.id))],
            Self::Postmark => vec![("x-postmark-server-token", token.to_owned())],
            Self::Resend => vec![bearer, ("idempotency-key", mail.id.clone())],
            Self::SendGrid => vec![bearer],
        }
    }
}

/// `"Name" <address>` (RFC 5322, 3.4). Neither part can hold a line break.
fn mailbox(name: &Name, address: &Email) -> String {
    let name = name.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{name}\" <{address}>")
}

/// Hands mails to a provider.
pub struct HttpMailer {
    client: Arc<dyn HttpClient>,
    provider: Provider,
    url: String,
    token: Zeroizing<String>,
}

impl HttpMailer {
    /// With the origin of the API, its path unless it is the provider's own, and
    /// the token that it gave the operator.
    pub fn new(
        client: Arc<dyn HttpClient>,
        provider: Provider,
        origin: &str,
        path: Option<&str>,
        token: &str,
    ) -> Self {
        let url = format!("{origin}{}", path.unwrap_or(provider.path()));
        Self { client, provider, url, token: Zeroizing::new(token.to_owned()) }
    }

    async fn hand_over(&self, mail: Mail) -> Result<(), NotSent> {
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        for (name, value) in self.provider.headers(&self.token, &mail) {
            request = request.header(name, value);
        }
        let body = self.provider.body(&mail).to_string();
        let request = request.body(body).map_err(|error| NotSent(error.to_string()))?;
        let response = self.client.send(request, TIMEOUT).await;
        let response = response
            .map_err(|error| NotSent(format!("the provider cannot be reached: {}", error.0)))?;
        judge(response.status())
    }
}

impl Mailer for HttpMailer {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), NotSent>> {
        Box::pin(self.hand_over(mail))
    }
}

/// What the provider says in words may repeat the address: only its status is kept.
fn judge(status: StatusCode) -> Result<(), NotSent> {
    if status.is_success() {
        Ok(())
    } else {
        Err(NotSent(format!("the provider answered {}", status.as_u16())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use futures_util::FutureExt;
    use http::Response;

    use super::*;
    use crate::domain::mail::Subject;
    use crate::http_client::Unreachable;

    /// A provider that answers with a status, or not at all, and remembers what
    /// it was sent.
    struct Fake {
        status: Option<u16>,
        seen: Mutex<Vec<Request<String>>>,
    }

    impl HttpClient for Fake {
        fn send(
            &self,
            request: Request<String>,
            _: Duration,
        ) -> BoxFuture<'_, Result<Response<Vec<u8>>, Unreachable>> {
            self.seen.lock().unwrap().push(request);
            let response = match self.status {
                Some(status) => Ok(Response::builder().status(status).body(Vec::new()).unwrap()),
                None => Err(Unreachable("connection refused".to_owned())),
            };
            Box::pin(std::future::ready(response))
        }
    }

    fn mail() -> Mail {
        Mail {
            id: "m1".to_owned(),
            sender: Name::parse("Ada \"The\" App").unwrap(),
            from: Email::parse("no-reply@example.com").unwrap(),
            to: Email::parse("bob@example.org").unwrap(),
            subject: Subject::of("Hello"),
            text: "text".to_owned(),
            html: "<p>html</p>".to_owned(),
        }
    }

    fn send(provider: Provider, status: Option<u16>) -> (Result<(), NotSent>, Request<String>) {
        let client = Arc::new(Fake { status, seen: Mutex::new(Vec::new()) });
        let mailer = HttpMailer::new(client.clone(), provider, "https://mail.test", None, "t0p");
        let result = mailer.send(mail()).now_or_never().unwrap();
        let request = client.seen.lock().unwrap().remove(0);
        (result, request)
    }

    #[test]
    fn each_provider_gets_the_mail_in_its_form() {
        let from = "\"Ada \\\"The\\\" App\" <no-reply@example.com>";
        let content = [
            json!({"type": "text/plain", "value": "text"}),
            json!({"type": "text/html", "value": "<p>html</p>"}),
        ];
        let off = json!({"enable": false});
        let cases = [
            (
                Provider::Postmark,
                "https://mail.test/email",
                ("x-postmark-server-token", "t0p"),
                json!({"From": from, "To": "bob@example.org", "Subject": "Hello",
                    "TextBody": "text", "HtmlBody": "<p>html</p>", "TrackOpens": false,
                    "TrackLinks": "None", "MessageStream": "outbound"}),
            ),
            (
                Provider::Resend,
                "https://mail.test/emails",
                ("idempotency-key", "m1"),
                json!({"from": from, "to": ["bob@example.org"], "subject": "Hello",
                    "text": "text", "html": "<p>html</p>"}),
            ),
            (
                Provider::SendGrid,
                "https://mail.test/v3/mail/send",
                ("authorization", "Bearer t0p"),
                json!({"personalizations": [{"to": [{"email": "bob@example.org"}]}],
                    "from": {"email": "no-reply@example.com", "name": "Ada \"The\" App"},
                    "subject": "Hello", "content": content, "tracking_settings": {
                        "click_tracking": {"enable": false, "enable_text": false},
                        "open_tracking": off}}),
            ),
            (
                Provider::Generic,
                "https://mail.test/",
                ("idempotency-key", "\"m1\""),
                json!({"id": "m1", "to": {"address": "bob@example.org"}, "subject": "Hello",
                    "from": {"address": "no-reply@example.com", "name": "Ada \"The\" App"},
                    "text": "text", "html": "<p>html</p>"}),
            ),
        ];
        for (provider, url, (name, value), body) in cases {
            let (result, request) = send(provider, Some(202));
            assert_eq!(result, Ok(()), "{provider:?}");
            assert_eq!(request.uri(), url);
            assert_eq!(request.headers()[name], value, "{provider:?}");
            assert_eq!(request.headers()["content-type"], "application/json");
            assert_eq!(serde_json::from_str::<Value>(request.body()).unwrap(), body);
        }
    }

    #[test]
    fn anything_but_success_is_told_without_the_mail() {
        for (status, reason) in [
            (Some(500), "the provider answered 500"),
            (Some(302), "the provider answered 302"),
            (None, "the provider cannot be reached: connection refused"),
        ] {
            let (result, _) = send(Provider::Resend, status);
            assert_eq!(result, Err(NotSent(reason.to_owned())));
        }
    }

    #[test]
    fn the_operator_may_name_another_path() {
        let client = Arc::new(Fake { status: Some(200), seen: Mutex::new(Vec::new()) });
        let path = Some("/hooks/mail");
        let mailer = HttpMailer::new(client.clone(), Provider::Generic, "http://relay", path, "");
        mailer.send(mail()).now_or_never().unwrap().unwrap();
        assert_eq!(client.seen.lock().unwrap()[0].uri(), "http://relay/hooks/mail");
    }
}
