//! A fuzzer drives the API from its own description. `make fuzz` runs more of it:
//! `ROLLCALL_FUZZ_EXAMPLES` says how many cases an operation gets in each phase, and
//! `ROLLCALL_FUZZ_SEEDS` what they are made from.

use std::env;
use std::fs;
use std::process::Command;

use rollcall_testkit::build::workspace;
use serde_json::{Value, json};

use crate::client::Client;
use crate::clients::python;
use crate::service::{ADMIN, PASSWORD, Service, builder};

const USERS: [(&str, &str); 3] =
    [("one", "one@example.com"), ("two", "two@example.com"), ("admin", ADMIN)];

/// How the fuzzer signs in as somebody (the format of Web Fuzzing Commons).
fn sign_in(name: &str, email: &str) -> Value {
    let body = json!({"email": email, "password": PASSWORD});
    json!({"name": name, "loginEndpointAuth": {
        "endpoint": "/api/v1/sessions", "verb": "POST", "contentType": "application/json",
        "payloadRaw": body.to_string(),
        "token": {"extractFrom": "body", "extractSelector": "/access_token",
            "sendIn": "header", "sendName": "Authorization", "sendTemplate": "Bearer {token}"},
    }})
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/me").await.expect(200).text_at("/id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let folder = workspace().join("tests/e2e/fuzz");
    let programs = python(&folder);
    let seeds = env::var("ROLLCALL_FUZZ_SEEDS").unwrap_or_else(|_| "1".to_owned());
    let examples = env::var("ROLLCALL_FUZZ_EXAMPLES").unwrap_or_else(|_| "3".to_owned());
    for seed in seeds.split_whitespace() {
        let fast = builder().variable("rate_limit_scale", "1000000");
        let service = Service::start(&fast.variable("access_token_ttl", "1d"));
        let admin = service.admin().await;
        let mut ids = vec![id_of(&admin).await];
        for (_, email) in USERS.iter().filter(|(_, email)| *email != ADMIN) {
            ids.push(id_of(&service.user(&admin, email).await).await);
        }
        let state = tempfile::tempdir().unwrap();
        let users = state.path().join("users.json");
        let entries = USERS.map(|(name, email)| sign_in(name, email));
        fs::write(&users, json!({"auth": entries}).to_string()).unwrap();
        let output = Command::new(programs.join("schemathesis"))
            .arg("--config-file")
            .arg(folder.join("schemathesis.toml"))
            .args(["run", &service.host.url("/openapi.json"), "--checks", "all", "--no-color"])
            .args(["--max-examples", &examples, "--seed", seed])
            .args(["--generation-database", "none"])
            .current_dir(state.path())
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("ROLLCALL_FUZZ_USERS", &users)
            .env("ROLLCALL_FUZZ_IDS", ids.join(" "))
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "with seed {seed}:\n{printed}");
        assert!(printed.contains("passed"), "with seed {seed}:\n{printed}");
        assert_eq!(service.host.stderr(), "", "with seed {seed}");
        admin.get("/readyz").await.expect(200);
    }
}
