//! More sign-ins than the cores can hash: how many succeed meanwhile, and how soon
//! all is well again.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use crate::load::turn;
use crate::offer::{Sent, offer, percentile};
use crate::rows::SIGN_IN;
use crate::target::Target;

const AT_A_TIME: usize = 8;
/// In windows of this length it is looked whether all is well.
const WINDOW: Duration = Duration::from_secs(5);

/// What one run brought.
pub(crate) struct Overload {
    /// Sign-ins a second that the machine can do.
    pub(crate) capacity: f64,
    /// Of those, how many succeeded while twice as many were asked for.
    pub(crate) goodput: f64,
    /// What was sent away meanwhile, and how long that took (p50).
    pub(crate) shed: usize,
    pub(crate) shed_after: Duration,
    /// The p99 at nine tenths of the capacity, before.
    pub(crate) before: Duration,
    /// After how long it was no more than twice that again; `None`: not in the run.
    pub(crate) recovered_after: Option<Duration>,
}

/// Overloads a target for a time.
///
/// # Errors
///
/// When an answer does not come.
pub(crate) async fn measure(target: &Target, time: Duration) -> Result<Overload> {
    eprintln!("Twice the sign-ins that fit, for {time:?}");
    let capacity = turn(&SIGN_IN, target, AT_A_TIME, WINDOW).await?.rate;
    let calm = offer(&SIGN_IN, target, capacity * 0.9, WINDOW * 2).await?;
    let before = percentile(calm.iter(), 99);
    let during = offer(&SIGN_IN, target, capacity * 2.0, time).await?;
    let after = offer(&SIGN_IN, target, capacity * 0.9, WINDOW * 8).await?;
    let end = during.iter().map(|sent| sent.at + sent.took).max().unwrap_or(time);
    let (good, shed): (Vec<&Sent>, Vec<&Sent>) =
        during.iter().partition(|sent| sent.status.is_success());
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
    let goodput = good.len() as f64 / end.as_secs_f64();
    let is_calm = |window: u32| {
        let (from, to) = (WINDOW * window, WINDOW * (window + 1));
        let sent = after.iter().filter(|sent| (from..to).contains(&sent.at));
        percentile(sent, 99) <= before * 2
    };
    Ok(Overload {
        capacity,
        goodput,
        shed: shed.len(),
        shed_after: percentile(shed.into_iter(), 50),
        before,
        recovered_after: (0..8).find(|window| is_calm(*window)).map(|window| WINDOW * window),
    })
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, goodput, shed, shed_after, before, .. } = self;
        writeln!(
            f,
            "Twice the sign-ins that fit ({capacity:.1} a second): {goodput:.1} succeed, \
             {:.2} of them; {shed} sent away, half of those within {shed_after:.0?}",
            goodput / capacity
        )?;
        match self.recovered_after {
            Some(after) => {
                writeln!(f, "p99 {before:.0?} before, less than twice that {after:?} after")
            }
            None => writeln!(f, "p99 {before:.0?} before, and not again within 40 s"),
        }
    }
}
