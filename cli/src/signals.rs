//! Who ends the program from outside.

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody ends the program, and gives its exit code: Ctrl-C, `kill`, or a
/// terminal that is closed.
#[cfg(unix)]
pub(crate) async fn ended() -> u8 {
    tokio::select! {
        biased;
        () = heard(SignalKind::interrupt()) => 130,
        () = heard(SignalKind::hangup()) => 129,
        () = heard(SignalKind::terminate()) => 143,
    }
}

/// Waits until somebody ends the program, and gives its exit code.
#[cfg(not(unix))]
pub(crate) async fn ended() -> u8 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => 130,
        Err(_) => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn heard(kind: SignalKind) {
    // To listen would undo what `nohup` does.
    let is_ignored = kind == SignalKind::hangup() && ignores_hangup();
    if !is_ignored && let Ok(mut signal) = signal(kind) {
        signal.recv().await;
    } else {
        std::future::pending().await
    }
}

/// Whether whoever started the program has it ignore SIGHUP, as far as Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is 1, the lowest bit.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
