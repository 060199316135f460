//! What was mailed, as `/dev/mailbox` shows it.

use serde_json::Value;

use crate::client::Client;

/// The mails of a kind to an address, the newest first, of the last 200 that
/// were mailed to anybody.
pub(crate) async fn mails_to(client: &Client, email: &str, kind: &str) -> Vec<Value> {
    let mails = client.get("/dev/mailbox?limit=200").await.expect(200).json();
    let mails = mails["items"].as_array().unwrap().iter();
    mails.filter(|mail| mail["to"] == email && mail["kind"] == kind).cloned().collect()
}

/// The newest of them.
pub(crate) async fn mail_to(client: &Client, email: &str, kind: &str) -> Value {
    let mails = mails_to(client, email, kind).await;
    mails.into_iter().next().unwrap_or_else(|| panic!("no {kind} to {email}"))
}

/// The token in the link of a mail.
pub(crate) fn token_in(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let (_, rest) = text.split_once("?token=").unwrap_or_else(|| panic!("no link in {text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The code in a mail.
pub(crate) fn code_in(mail: &Value) -> String {
    mail["subject"].as_str().unwrap().rsplit_once(": ").unwrap().1.to_owned()
}
