//! The line in the log with which every request ends, whichever transport it came by:
//! without secrets and without personal data.

use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::config::{ConfigErrors, LogLevel};
use crate::domain::time::Timestamp;

/// What a transport knows of a request that has ended.
#[derive(Serialize)]
pub struct Ended<'a> {
    /// Its name.
    pub request_id: &'a str,
    /// The trace that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// Of HTTP.
    pub method: &'a str,
    /// The pattern of its path: a path itself may hold what no log may.
    pub route: Option<&'a str>,
    /// Of HTTP.
    pub status: u16,
    /// Of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<i32>,
    /// The code of the problem.
    pub code: Option<&'static str>,
    /// What the caller is not told.
    pub cause: Option<&'a str>,
}

#[derive(Serialize)]
struct LogLine<'a> {
    time: String,
    level: &'static str,
    message: &'static str,
    duration_us: u128,
    #[serde(flatten)]
    ended: Ended<'a>,
}

/// The line of a request that nothing could be done for, because of the settings.
pub fn of_wrong_settings(now: Timestamp, request_id: &str, errors: &ConfigErrors) -> String {
    let (time, cause) = (now.to_string(), errors.to_string());
    let line = json!({"time": time, "level": "error", "message": "the settings are wrong",
        "request_id": request_id, "cause": cause});
    format!("{line}\n")
}

/// Writes the line of a request that began then, as a warning if the fault is ours.
pub fn write(app: &App, begin: Timestamp, is_fault: bool, ended: Ended<'_>) {
    let (level, name) = if is_fault { (LogLevel::Warn, "warn") } else { (LogLevel::Info, "info") };
    if level > app.config.log_level {
        return;
    }
    let end = app.now();
    let line = LogLine {
        time: end.to_string(),
        level: name,
        message: "request",
        duration_us: end.since(begin).as_micros(),
        ended,
    };
    if let Ok(line) = serde_json::to_string(&line) {
        app.log.line(&line);
    }
}
