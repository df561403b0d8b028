//! The command `template render`, and templates of files.

use std::sync::Arc;

use campana_core::{
    template::{Alert, Data, Env, Kv, Set, Time, Value},
    time::Timestamp,
};

use crate::{
    files,
    session::{Failure, Session, now, print},
    source,
};

/// Renders a text with the templates of files.
pub(crate) fn render(session: &Session) -> Result<(), Failure> {
    let globs: Vec<String> = session.list("template.glob").into_iter().map(str::to_owned).collect();
    let set = load(&globs)?;
    let now = now();
    let data = match session.optional("template.data") {
        Some(path) => {
            let text =
                String::from_utf8(source::read(path)?).map_err(|_| format!("{path}: not UTF-8"))?;
            Data::from_json(&text)?
        }
        None => sample(now),
    };
    let data = Value::Data(Arc::new(data));
    let env = Env { now, ..Env::default() };
    let text = session.text("template.text");
    let rendered = match session.text("template.type") {
        "html" => set.render_html(text, &data, &env),
        _ => set.render(text, &data, &env),
    };
    print(&rendered.map_err(|e| e.to_string())?)
}

/// Reads the templates that patterns name, on top of the default ones. A pattern that matches no
/// file is no error: the files may come later.
fn load(globs: &[String]) -> Result<Set, Failure> {
    let mut set = Set::with_defaults();
    for file in files::glob(globs)? {
        let text = str::from_utf8(&file.text).map_err(|_| format!("{}: not UTF-8", file.path))?;
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        set.parse(name, text).map_err(|e| e.to_string())?;
    }
    Ok(set)
}

const COMMON_LABELS: [(&str, &str); 2] =
    [("commonlabelkey1", "commonlabelvalue1"), ("commonlabelkey2", "commonlabelvalue2")];
const COMMON_ANNOTATIONS: [(&str, &str); 2] = [
    ("commonannotationkey1", "commonannotationvalue1"),
    ("commonannotationkey2", "commonannotationvalue2"),
];

/// The data of Alertmanager's tool: one alert that fires and one that is resolved.
fn sample(now: Timestamp) -> Data {
    let minute = std::time::Duration::from_secs(60);
    let alert =
        |number: u8, status: &str, starts_at: Timestamp, labels: &[_], annotations: &[_]| {
            Arc::new(Alert {
                status: status.into(),
                labels: kv(&[labels, &COMMON_LABELS]),
                annotations: kv(&[annotations, &COMMON_ANNOTATIONS]),
                starts_at: Time::from(starts_at),
                ends_at: Time::from(now + 5 * minute),
                generator_url: "https://generatorurl.com".into(),
                fingerprint: format!("fingerprint{number}").into(),
            })
        };
    let firing = alert(
        1,
        "firing",
        now,
        &[("label1", "value1"), ("label2", "value2"), ("instance", "foo.bar:1234")],
        &[("annotation1", "value1"), ("annotation2", "value2")],
    );
    let resolved = alert(
        2,
        "resolved",
        now - 5 * minute,
        &[("foo", "bar"), ("baz", "qux")],
        &[("aaa", "bbb"), ("ccc", "ddd")],
    );
    Data {
        receiver: "receiver".into(),
        status: "alertstatus".into(),
        alerts: Some(Arc::new([firing, resolved])),
        notification_reason: "".into(),
        group_labels: kv(&[&[
            ("grouplabelkey1", "grouplabelvalue1"),
            ("grouplabelkey2", "grouplabelvalue2"),
        ]]),
        common_labels: kv(&[&COMMON_LABELS]),
        common_annotations: kv(&[&COMMON_ANNOTATIONS]),
        route_labels: Kv::default(),
        external_url: "https://example.com".into(),
    }
}

fn kv(parts: &[&[(&str, &str)]]) -> Kv {
    Kv::new(parts.iter().flat_map(|part| part.iter().copied()))
}
