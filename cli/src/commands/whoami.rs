//! `whoami`

use serde_json::json;

use crate::context::{Caller, Context};
use crate::failure::{Failure, Outcome};

/// Tells who calls, as the service sees it.
pub(crate) async fn run(context: &Context) -> Outcome {
    let me = context.client()?.sessions().me().await;
    match me {
        Ok(me) => {
            let user = &me.value;
            if context.out.json {
                return context.out.one(user);
            }
            let roles = user.roles.join(", ");
            context.out.say(&format!("{} ({}), at {}", user.email, user.name, context.url))?;
            context.out.say(&format!("id {}, roles: {roles}", user.id))
        }
        // A key is nobody, and the service knows that it is a key.
        Err(error) if error.status() == Some(403) && context.caller()? == Caller::Environment => {
            if context.out.json {
                return context.out.one(&json!({"kind": "api_key"}));
            }
            context.out.say(&format!("an API key, at {}", context.url))
        }
        Err(error) => Err(Failure::Service(error)),
    }
}
