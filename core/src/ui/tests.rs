use alloc::{string::String, vec};

use super::*;
use crate::{
    label::{Labels, Matcher, Matchers, Op},
    silence::Silence,
};

#[test]
fn old_and_new_addresses_find_their_pages() {
    let pair = |name: &str, value: &str| vec![(String::from(name), String::from(value))];
    assert!(matches!(Page::find("/", &[]), Some(Page::Alerts(_))));
    assert!(matches!(Page::find("/silences/a-b", &[]), Some(Page::Silence(id)) if id == "a-b"));
    assert!(matches!(
        Page::find("/silences/a-b/edit", &[]),
        Some(Page::Form(Prefill { edits: Some(id), .. })) if id == "a-b"
    ));
    let new = Page::find("/silences/new", &pair("filter", "{a=\"b\"}"));
    assert!(matches!(new, Some(Page::Form(Prefill { filters, .. })) if filters == ["{a=\"b\"}"]));
    assert!(matches!(Page::find("/status", &pair("labels", " ")), Some(Page::Status(None))));
    assert!(Page::find("/nothing", &[]).is_none());
    assert!(asset("app.js").is_some() && asset("../ui.rs").is_none());
}

#[test]
fn filters_are_read_liberally() {
    let parse = |text: &str| Filters::parse(Mode::Fallback, &[String::from(text)]);
    for text in [
        "{a=\"b\", c=~\"d|e\"}",
        "a=\"b\",c=~\"d|e\"",
        "{a=\"b\",c=~\"d|e\",}",
        " a=b , c=~\"d|e\", ",
    ] {
        let filters = parse(text);
        assert_eq!(filters.shown, ["a=\"b\"", "c=~\"d|e\""], "{text}");
        assert!(filters.errors.is_empty(), "{text}");
    }
    for text in ["@age>1h", "@age<30m", "@state=active", "@state!=silenced", "@receiver=~\"a.*\""] {
        assert!(parse(text).errors.is_empty(), "{text}: {:?}", parse(text).errors);
    }
    for text in ["@age=1h", "@age>soon", "@state=odd", "@owner=me", "a=~\"(\"", "{a="] {
        assert_eq!(parse(text).errors.len(), 1, "{text}");
    }
    assert!(parse("{}").errors.is_empty() && parse("{}").matchers.is_empty());
}

#[test]
fn only_harmless_links_can_be_followed() {
    let shown = layout::linked("see https://a.example/x?y=<z> or javascript:alert(1)\nHTTP://b");
    let text = shown.into_string();
    assert!(text.contains("href=\"https://a.example/x?y=&lt;z&gt;\""), "{text}");
    assert!(text.contains("<br>") && !text.contains("href=\"javascript"), "{text}");
    for text in ["javascript:alert(1)", "data:text/html,x", "https://", "//a", "", "https:/a"] {
        assert!(!layout::is_link(text), "{text}");
    }
}

#[test]
fn links_are_encoded() {
    let build = Build::this();
    let about = About { prefix: "/am", mode: Mode::Fallback, build: &build };
    let text = link(about, "/", &[("filter", "a=\"b&c\"+ü"), ("page", "2")]);
    assert_eq!(text, "/am/?filter=a%3D%22b%26c%22%2B%C3%BC&page=2");
}

#[test]
fn every_matcher_set_of_a_silence_is_shown() {
    let set =
        |value| Matchers::new(vec![Matcher::new("job", Op::Equal, value).expect("it is valid")]);
    let silence = Silence {
        id: "a".into(),
        matcher_sets: vec![set("one"), set("two")],
        starts_at: Timestamp::from_parts(1, 0),
        ends_at: Timestamp::from_parts(2, 0),
        updated_at: Timestamp::from_parts(1, 0),
        created_by: "me".into(),
        comment: "why".into(),
        annotations: Default::default(),
    };
    let build = Build::this();
    let about = About { prefix: "", mode: Mode::Fallback, build: &build };
    let shown = silences::matchers(about, &silence).into_string();
    for text in ["job=&quot;one&quot;", ">or<", "job=&quot;two&quot;"] {
        assert!(shown.contains(text), "{shown}");
    }
}

#[test]
fn long_texts_are_cut_and_severities_have_colours() {
    let labels = Labels::from_pairs([("alertname", "A"), ("x", &*"y".repeat(5000))]);
    let shown = layout::chips(&labels, &Labels::empty(), "/").into_string();
    assert!(shown.len() < 700 && shown.contains("…"), "{shown}");
    for (value, class) in [("CRITICAL", "critical"), ("warn", "warning"), ("x", "other")] {
        assert_eq!(layout::severity(value), class);
    }
    assert!(layout::icon("7").contains(">7<") && layout::icon("1234").contains(">99<"));
    assert_eq!(layout::icon("<b>"), layout::icon("0"));
}
