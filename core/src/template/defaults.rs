//! The default templates: what every integration sends unless its receiver says otherwise. Users
//! override them by name, so the names are Alertmanager's and the results are equal to its.

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

/// What the others are built from.
const SHARED: &str = include_str!("notifications.tmpl");

/// The mail. Its look derives from Mailgun's transactional templates, whose licence it carries.
/// What repeats is short here; see [`EMAIL_PARTS`].
const EMAIL: &str = include_str!("email.tmpl");

/// What stands for what in the mail, in order of replacement.
const EMAIL_PARTS: [(&str, &str); 6] = [
    (
        "%BLOCK%",
        r#"<td class="content-block" style="%S% vertical-align: top; padding: 0 0 20px;" valign="top">"#,
    ),
    ("%TR%", r#"<tr style="%S%">"#),
    ("%BR%", r#"<br style="%S%">"#),
    ("%B%", r#"<strong style="%S%">"#),
    ("%S%", "%F% font-size: 14px;"),
    (
        "%F%",
        "margin: 0; font-family: 'Helvetica Neue', Helvetica, Arial, sans-serif; \
         box-sizing: border-box;",
    ),
];

/// Templates that are another one under a second name.
const ALIASES: [(&str, &str); 40] = [
    ("slack.default.title", "__subject"),
    ("slack.default.username", "__alertmanager"),
    ("slack.default.titlelink", "__alertmanagerURL"),
    ("pagerduty.default.description", "__subject"),
    ("pagerduty.default.client", "__alertmanager"),
    ("pagerduty.default.clientURL", "__alertmanagerURL"),
    ("pagerduty.default.instances", "__text_alert_list"),
    ("opsgenie.default.message", "__subject"),
    ("opsgenie.default.source", "__alertmanagerURL"),
    ("victorops.default.entity_display_name", "__subject"),
    ("victorops.default.monitoring_tool", "__alertmanager"),
    ("pushover.default.title", "__subject"),
    ("pushover.default.url", "__alertmanagerURL"),
    ("sns.default.subject", "__subject"),
    ("discord.default.title", "__subject"),
    ("msteams.default.summary", "__subject"),
    ("msteams.default.title", "__subject"),
    ("msteamsv2.default.title", "__subject"),
    ("jira.default.summary", "__subject"),
    ("rocketchat.default.title", "__subject"),
    ("rocketchat.default.alias", "__alertmanager"),
    ("rocketchat.default.titlelink", "__alertmanagerURL"),
    ("mattermost.default.username", "__alertmanager"),
    ("mattermost.default.title", "__subject"),
    ("mattermost.default.titlelink", "__alertmanagerURL"),
    ("slack.default.callbackid", ""),
    ("slack.default.pretext", ""),
    ("slack.default.iconemoji", ""),
    ("slack.default.iconurl", ""),
    ("slack.default.text", ""),
    ("slack.default.footer", ""),
    ("wechat.default.to_user", ""),
    ("wechat.default.to_party", ""),
    ("wechat.default.to_tag", ""),
    ("wechat.default.agent_id", ""),
    ("discord.default.content", ""),
    ("rocketchat.default.emoji", ""),
    ("rocketchat.default.iconurl", ""),
    ("rocketchat.default.text", ""),
    ("mattermost.default.fallback", "mattermost.default.title|mattermost.default.titlelink"),
];

const VALUES: &str = r#"{{ join " " .CommonAnnotations.SortedPairs.Values }}"#;

/// Returns the sources of all default templates.
pub(super) fn sources() -> Vec<String> {
    let mut email = EMAIL.to_string();
    for (short, long) in EMAIL_PARTS {
        email = email.replace(short, long);
    }
    vec![SHARED.into(), aliases(), bodies(), email]
}

fn aliases() -> String {
    let mut out = String::new();
    let mut define = |name: &str, of: &str| {
        let calls: Vec<String> = of
            .split('|')
            .filter(|of| !of.is_empty())
            .map(|of| format!("{{{{ template \"{of}\" . }}}}"))
            .collect();
        out.push_str(&define(name, &calls.join(" | ")));
    };
    for (name, of) in ALIASES {
        define(name, of);
    }
    define("slack.default.fallback", "slack.default.title|slack.default.titlelink");
    out
}

fn define(name: &str, body: &str) -> String {
    format!("{{{{ define \"{name}\" }}}}{body}{{{{ end }}}}\n")
}

/// The section about firing or resolved alerts: its heading, the list and what ends it.
fn section(which: &str, heading: &str, list: &str, end: &str) -> String {
    let title = format!("{heading}Alerts {which}:\n");
    format!(
        "{{{{ if .Alerts.{which} }}}}{title}{{{{ template \"{list}\" .Alerts.{which} }}}}{end}{{{{ end }}}}"
    )
}

fn bodies() -> String {
    let both = |between: &str, heading: &str, list: &str, end: &str| {
        let firing = section("Firing", heading, list, end);
        let resolved = section("Resolved", heading, list, end);
        format!("{firing}{between}{resolved}")
    };
    let plain = "__text_alert_list";
    let color = r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#;
    let described = format!("{VALUES}\n{}", both("\n", "", plain, ""));
    let wechat = format!(
        "{{{{ template \"__subject\" . }}}}\n{described}\nAlertmanagerUrl:\n\
         {{{{ template \"__alertmanagerURL\" . }}}}"
    );
    let body = format!("\n{}\n", both("\n", "\n", plain, "\n"));
    let markdown = format!("\n{}\n", both("\n", "\n# ", "__text_alert_list_markdown", "\n"));
    let mut out = String::new();
    for (names, body) in [
        (&["opsgenie.default.description", "victorops.default.state_message"][..], &described),
        (&["wechat.default.message"], &wechat),
        (&["telegram.default.message", "discord.default.message"], &body),
        (
            &["pushover.default.message", "sns.default.message", "webex.default.message"],
            &format!("{VALUES}{body}"),
        ),
        (
            &[
                "msteams.default.text",
                "msteamsv2.default.text",
                "jira.default.description",
                "mattermost.default.text",
            ],
            &markdown,
        ),
        (&["slack.default.color", "mattermost.default.color"], &color.into()),
        (&["jira.default.priority"], &priority()),
    ] {
        out.extend(names.iter().map(|name| define(name, body)));
    }
    out
}

/// The worst severity of the firing alerts, else of the resolved ones.
fn priority() -> String {
    let worst = |alerts: &str| {
        format!(
            "{{{{ $worst := 0 }}}}{{{{ range {alerts} }}}}\
             {{{{ $s := .Labels.severity }}}}\
             {{{{ if eq $s \"critical\" }}}}{{{{ $worst = 3 }}}}\
             {{{{ else if and (eq $s \"warning\") (lt $worst 2) }}}}{{{{ $worst = 2 }}}}\
             {{{{ else if and (eq $s \"info\") (lt $worst 1) }}}}{{{{ $worst = 1 }}}}{{{{ end }}}}\
             {{{{ end }}}}\
             {{{{ if eq $worst 3 }}}}High{{{{ else if eq $worst 2 }}}}Medium\
             {{{{ else if eq $worst 1 }}}}Low{{{{ end }}}}"
        )
    };
    format!(
        "{{{{ if .Alerts.Firing }}}}{}{{{{ else }}}}{}{{{{ end }}}}",
        worst(".Alerts.Firing"),
        worst(".Alerts.Resolved")
    )
}
