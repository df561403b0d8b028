//! Templates, structures of templates, durations and cuts.

use campana_core::{
    notify::{json::write_value, render::structure},
    schema::Any,
    template::{self, Env, Set, Value, truncate_bytes, truncate_chars},
    time::duration,
    yaml,
};
use serde_json::{Map, Value as Json};

use super::{Answer, Failure, Question, data, fields};

/// `template`: renders a text with data.
pub(super) fn template(question: &Question) -> Answer {
    let set = set(question)?;
    let (value, data) = value(question)?;
    let env = Env { now: question.now()?, ..Env::default() };
    let text = question.text("text")?;
    let output = match question.flag("html") {
        true => set.render_html(&text, &value, &env),
        false => set.render(&text, &value, &env),
    };
    match (output, data) {
        (Ok(output), None) => Ok(fields([("output", output.into())])),
        (Ok(output), Some(data)) => Ok(fields([("output", output.into()), ("data", data)])),
        (Err(error), data) => {
            let failure = Failure::new(error).with("output", "");
            Err(match data {
                None => failure,
                Some(data) => failure.with("data", data),
            })
        }
    }
}

/// `deepcopy`: renders every text of a structure.
pub(super) fn deepcopy(question: &Question) -> Answer {
    let set = set(question)?;
    let (value, _) = value(question)?;
    let env = Env { now: question.now()?, ..Env::default() };
    let json = if question.has("yaml") {
        let text = question.text("yaml")?;
        let node = yaml::load(&text).map_err(|problem| Failure::at("load", problem.text))?;
        node.map_or(Ok(Json::Null), |node| Any::of(&node).to_json()).map_err(Failure::new)?
    } else {
        question.0.get("value").cloned().unwrap_or_default()
    };
    match structure(&json, &set, &value, &env) {
        Ok(value) => {
            // Numbers as requests carry them: 1000, not 1000.0.
            let mut text = String::new();
            write_value(&mut text, &value);
            Ok(fields([("value", serde_json::from_str(&text).map_err(Failure::new)?)]))
        }
        Err(error) => Err(Failure::new(error).with("value", "")),
    }
}

/// Returns the named templates: the defaults, unless `no_defaults`, and the question's own.
pub(super) fn set(question: &Question) -> Result<Set, Failure> {
    let mut set = if question.flag("no_defaults") { Set::new() } else { Set::with_defaults() };
    for text in question.texts("templates")? {
        set.parse("", &text).map_err(|error| Failure::at("templates", error))?;
    }
    Ok(set)
}

/// Returns what a template sees, and for data made of alerts how it looks as JSON.
fn value(question: &Question) -> Result<(Value, Option<Json>), Failure> {
    if let Some(raw) = question.get("raw") {
        return Ok((Value::from_json(raw), None));
    }
    if let Some(data) = question.get("data") {
        let data = template::Data::from_json(&data.to_string()).map_err(Failure::new)?;
        return Ok((Value::Data(data.into()), None));
    }
    if question.get("alerts").is_none() {
        return Ok((Value::Nil, None));
    }
    let value = Value::Data(data::template_data(question)?.into());
    let shown = Set::new().render("{{ toJson . }}", &value, &Env::default());
    let shown = shown.map_err(Failure::new)?;
    let mut shown: Json = serde_json::from_str(&shown).map_err(Failure::new)?;
    if let Some(data) = shown.as_object_mut() {
        // Recordings of 0.33 do not know them.
        data.retain(|key, value| key != "routeLabels" || value.as_object() != Some(&Map::new()));
    }
    Ok((value, Some(shown)))
}

/// `duration`: reads a span of time and prints it again.
pub(super) fn duration(question: &Question) -> Answer {
    let input = question.text("input")?;
    let result = if question.text("unit")? == "go" {
        duration::parse_go(&input).map(|ns| (ns, duration::format_go(ns)))
    } else {
        duration::parse_prometheus(&input).map(|span| {
            let ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
            (ns, duration::format_prometheus(span))
        })
    };
    match result {
        Ok((ns, text)) => Ok(fields([("ns", ns.into()), ("string", text.into())])),
        Err(error) => Err(Failure::new(error).with("ns", 0).with("string", "0s")),
    }
}

/// `truncate`: cuts a text.
pub(super) fn truncate(question: &Question) -> Answer {
    let input = question.text("input")?;
    let max = question.get("n").and_then(Json::as_i64).unwrap_or(0);
    let max = usize::try_from(max).unwrap_or(0);
    let (output, truncated) = match &*question.text("unit")? {
        "bytes" => truncate_bytes(&input, max),
        "" | "runes" => truncate_chars(&input, max),
        unit => return Err(Failure::new(format!("there is no unit {unit:?}"))),
    };
    Ok(fields([("output", output.as_ref().into()), ("truncated", truncated.into())]))
}
