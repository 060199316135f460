//! `spin.toml` and the README tell of the settings what `config::SETTINGS` says.
//! Where one does not, the test prints what should stand there.

use rollcall::config::SETTINGS;

const MANIFEST: &str = include_str!("../spin.toml");
const README: &str = include_str!("../README.md");

#[test]
fn the_manifest_declares_every_setting() {
    let declared = SETTINGS.iter().map(|setting| {
        let value = match setting.default {
            Some(default) => format!("default = {default:?}"),
            None => "required = true".to_owned(),
        };
        let secret = if setting.secret { ", secret = true" } else { "" };
        format!(
            "{} = {{ {value}{secret}, description = {:?} }}\n",
            setting.name, setting.description
        )
    });
    assert_contains(MANIFEST, &format!("\n[variables]\n{}\n", declared.collect::<String>()));
}

#[test]
fn the_manifest_gives_every_setting_to_the_component() {
    let given = SETTINGS.iter().map(|setting| format!("{0} = \"{{{{ {0} }}}}\"\n", setting.name));
    let given = given.collect::<String>();
    assert_contains(MANIFEST, &format!("\n[component.rollcall.variables]\n{given}\n"));
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
