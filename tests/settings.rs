//! The manifests and the README tell of the settings what `config::SETTINGS`
//! says. Where one does not, the test prints what should stand there.

use rollcall::config::SETTINGS;

/// A manifest, with what it says instead of the defaults.
struct Manifest {
    text: &'static str,
    instead: &'static [(&'static str, &'static str)],
}

const MANIFESTS: [Manifest; 2] = [
    Manifest { text: include_str!("../spin.toml"), instead: &[] },
    Manifest {
        text: include_str!("../spin.postgres.toml"),
        instead: &[
            ("database", "default = \"postgres\""),
            ("postgres_url", "required = true"),
            // Whoever runs a server decides when its schema changes.
            ("auto_migrate", "default = \"false\""),
        ],
    },
];
const README: &str = include_str!("../README.md");

#[test]
fn the_manifests_declare_every_setting() {
    for Manifest { text, instead } in MANIFESTS {
        let declared = SETTINGS.iter().map(|setting| {
            let other = instead.iter().find(|(name, _)| *name == setting.name);
            let value = match (other, setting.default) {
                (Some((_, other)), _) => (*other).to_owned(),
                (None, Some(default)) => format!("default = {default:?}"),
                (None, None) => "required = true".to_owned(),
            };
            let secret = if setting.secret { ", secret = true" } else { "" };
            format!(
                "{} = {{ {value}{secret}, description = {:?} }}\n",
                setting.name, setting.description
            )
        });
        assert_contains(text, &format!("\n[variables]\n{}", declared.collect::<String>()));
    }
}

#[test]
fn the_manifests_give_every_setting_to_the_component() {
    let given = SETTINGS.iter().map(|setting| format!("{0} = \"{{{{ {0} }}}}\"\n", setting.name));
    let given = given.collect::<String>();
    for Manifest { text, .. } in MANIFESTS {
        assert_contains(text, &format!("\n[component.rollcall.variables]\n{given}\n"));
    }
}

#[test]
fn what_is_not_a_setting_is_the_same_in_every_manifest() {
    let [sqlite, postgres] = MANIFESTS.map(|manifest| {
        let (_, trigger) = manifest.text.split_once("\n[[trigger").unwrap();
        let place = |line: &&str| {
            ["#", "allowed_outbound_hosts", "sqlite_databases"]
                .iter()
                .all(|start| !line.starts_with(start))
        };
        trigger.lines().filter(place).collect::<Vec<_>>()
    });
    assert_eq!(sqlite, postgres);
}

#[test]
fn the_readme_lists_every_setting() {
    let rows = SETTINGS.iter().map(|setting| {
        let default = match setting.default {
            Some("") => "empty".to_owned(),
            Some(default) => format!("`{default}`"),
            None => "must be set".to_owned(),
        };
        format!("| `{}` | {default} | {} |\n", setting.name, setting.description)
    });
    let rows = rows.collect::<String>();
    assert_contains(
        README,
        &format!("\n| setting | default | what for |\n| --- | --- | --- |\n{rows}\n"),
    );
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "this is not there:\n{part}");
}
