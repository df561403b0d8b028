//! Configurations and calendar rules.

use std::time::Duration;

use campana_core::{
    config::{self, Config, Needs, Origin, Rules, parts},
    interval::Spec,
};
use serde_json::{Map, Value as Json, json};

use super::{Answer, Failure, Question, fields, files, time, trust};

/// Loads the question's configuration with its templates.
pub(super) fn load(question: &Question) -> Result<Config, Failure> {
    let rules = Rules { mode: question.mode()?, retention: Duration::from_secs(120 * 3600) };
    let origin = Origin { file: "config.yml", directory: "" };
    let text = question.bytes("yaml")?;
    config::load(&text, &origin, &rules).map_err(|error| Failure::at("load", error))
}

/// `config`: reads a configuration and prints it again.
pub(super) fn config(question: &Question) -> Answer {
    let mut config = load(question)?;
    let names: Vec<&str> = config.receivers.iter().map(|receiver| &*receiver.name).collect();
    let mut answer = fields([("yaml", (&*config.original).into()), ("receivers", names.into())]);
    if question.flag("build") {
        let fail = |error: String| Failure::at("templates", error);
        let found = files::glob(&config.template_globs).map_err(fail)?;
        config = config.complete(&found).map_err(|error| fail(error.to_string()))?;
        let needs = Needs { globs: Vec::new(), ..config.needs() };
        trust::gather(&needs).map_err(|error| Failure::at("build", error))?;
        let mut built = Map::new();
        for receiver in &config.receivers {
            let names = receiver.integrations.iter().map(|i| format!("{}[{}]", i.name, i.index));
            built.insert(receiver.name.to_string(), names.collect::<Vec<_>>().into());
        }
        answer.insert("integrations".into(), built.into());
    }
    if !config.warnings.is_empty() {
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        answer.insert("warnings".into(), warnings.into());
    }
    Ok(answer)
}

/// `timeinterval`: reads calendar rules and asks them about times.
pub(super) fn intervals(question: &Question) -> Answer {
    let specs = parts::intervals(&question.bytes("yaml")?).map_err(Failure::new)?;
    let (mut contains, mut which) = (Vec::new(), Vec::new());
    for text in question.texts("times")? {
        let at = time(&text)?.at;
        let holding: Vec<usize> =
            (0..).zip(&specs).filter(|(_, spec)| spec.contains(at)).map(|(i, _)| i).collect();
        contains.push(!holding.is_empty());
        which.push(holding);
    }
    Ok(fields([
        ("contains", contains.into()),
        ("which", json!(which)),
        ("yaml", parts::print_intervals(&specs).into()),
        ("json", specs.iter().map(spec).collect::<Vec<_>>().into()),
    ]))
}

fn spec(spec: &Spec) -> Json {
    let mut map = Map::new();
    let mut put = |key: &str, texts: Option<Vec<Json>>| {
        if let Some(texts) = texts.filter(|texts| !texts.is_empty()) {
            map.insert(key.into(), texts.into());
        }
    };
    fn texts<T: ToString>(list: &Option<Vec<T>>) -> Option<Vec<Json>> {
        list.as_ref().map(|list| list.iter().map(|range| range.to_string().into()).collect())
    }
    let times = spec.times.as_ref().map(|times| {
        let show = |range: &campana_core::interval::TimeRange| {
            json!({"start_time": range.start_text(), "end_time": range.end_text()})
        };
        times.iter().map(show).collect()
    });
    put("times", times);
    put("weekdays", texts(&spec.weekdays));
    put("days_of_month", texts(&spec.days_of_month));
    put("months", texts(&spec.months));
    put("years", texts(&spec.years));
    if let Some(zone) = &spec.location {
        map.insert("location".into(), zone.name().into());
    }
    map.into()
}
