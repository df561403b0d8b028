use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString},
    vec,
};

use granit_parser::{Event, Parser};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::time::rfc3339::parse_api;

/// Decodes the YAML of a recorded case, every scalar as a string.
fn decode(yaml: &str) -> Value {
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut done = Value::Null;
    for event in Parser::new_from_str(yaml) {
        let complete = match event.expect("valid YAML").0 {
            Event::SequenceStart(..) => {
                open.push((Value::Array(vec![]), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().expect("it was opened").0,
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            _ => continue,
        };
        match open.last_mut() {
            None => done = complete,
            Some((Value::Array(items), _)) => items.push(complete),
            Some((Value::Object(fields), key)) => match key.take() {
                Some(name) => drop(fields.insert(name, complete)),
                None => *key = complete.as_str().map(str::to_owned),
            },
            Some(_) => unreachable!("only collections are open"),
        }
    }
    done
}

fn field<T>(
    spec: &Value,
    name: &str,
    parse: impl Fn(&Value) -> Result<T, IntervalError>,
) -> Result<Option<Vec<T>>, IntervalError> {
    spec.get(name)
        .map(|list| list.as_array().expect("a list").iter().map(parse).collect())
        .transpose()
}

fn build(yaml: &str) -> Result<TimeInterval, IntervalError> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut specs = Vec::new();
    for spec in decode(yaml).as_array().expect("a list") {
        specs.push(Spec {
            times: field(spec, "times", |range| {
                parse_time_range(&text(&range["start_time"]), &text(&range["end_time"]))
            })?,
            weekdays: field(spec, "weekdays", |range| parse_weekday_range(&text(range)))?,
            days_of_month: field(spec, "days_of_month", |range| {
                parse_day_of_month_range(&text(range))
            })?,
            months: field(spec, "months", |range| parse_month_range(&text(range)))?,
            years: field(spec, "years", |range| parse_year_range(&text(range)))?,
            location: spec.get("location").map(|name| parse_location(&text(name))).transpose()?,
        });
    }
    Ok(TimeInterval { specs })
}

fn shown(spec: &Spec) -> Value {
    fn list<T: ToString>(ranges: &[T]) -> Value {
        ranges.iter().map(T::to_string).collect()
    }
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    let clock = |range: &TimeRange| {
        let (start, end) = (range.start_text(), range.end_text());
        serde_json::json!({"start_time": start, "end_time": end})
    };
    put("times", spec.times.as_ref().map(|times| times.iter().map(clock).collect()));
    put("weekdays", spec.weekdays.as_deref().map(list));
    put("days_of_month", spec.days_of_month.as_deref().map(list));
    put("months", spec.months.as_deref().map(list));
    put("years", spec.years.as_deref().map(list));
    put("location", spec.location.as_ref().map(|zone| zone.to_string().into()));
    Value::Object(fields)
}

fn holds(yaml: &str, at: &str) -> bool {
    build(yaml).expect(yaml).contains(parse_api(at).expect(at).at)
}

#[test]
fn intervals_equal_the_recorded_answers() {
    for line in include_str!("../../testdata/timeinterval.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a recorded case");
        let (request, response) = (&case["request"], &case["response"]);
        let yaml = request["yaml"].as_str().expect("YAML");
        let interval = match build(yaml) {
            Ok(interval) => interval,
            Err(error) => {
                assert_eq!(response["error"], error.to_string(), "{yaml}");
                continue;
            }
        };
        let json: Value = interval.specs.iter().map(shown).collect();
        assert_eq!(response["json"], json, "{yaml}");
        for (i, at) in request["times"].as_array().expect("times").iter().enumerate() {
            let at = at.as_str().expect("a time");
            let stamp = parse_api(at).expect(at);
            assert_eq!(response["contains"][i], interval.contains(stamp.at), "{yaml} at {at}");
            let which = response["which"][i].as_array().map_or(0, Vec::len);
            assert_eq!(which, interval.matching(stamp.at), "{yaml} at {at}");
        }
    }
}

#[test]
fn an_empty_list_never_matches_and_a_missing_one_always() {
    assert!(holds("[{}]", "2026-11-22"));
    for name in ["times", "weekdays", "days_of_month", "months", "years"] {
        let yaml = alloc::format!("[{{{name}: []}}]");
        assert!(!holds(&yaml, "2026-11-22"), "{yaml}");
    }
    assert!(!TimeInterval::default().contains(Timestamp::EPOCH));
}

#[test]
fn days_count_from_either_end_of_the_month() {
    let in_range =
        |range: &str, at: &str| holds(&alloc::format!("[{{days_of_month: ['{range}']}}]"), at);
    assert!(in_range("-1", "2024-02-29") && !in_range("-1", "2024-02-28"));
    assert!(in_range("-1", "2023-02-28") && in_range("-3:-1", "2023-02-26"));
    // The end is cut to the month, a begin past the month matches nothing.
    assert!(in_range("25:31", "2023-02-28") && in_range("-31:-1", "2023-02-01"));
    assert!(!in_range("31", "2023-04-30") && !in_range("30:31", "2023-02-28"));
    assert!(in_range("1:-1", "2023-04-15") && in_range("15:-3", "2023-02-26"));
    assert!(!in_range("15:-3", "2023-02-27"));
    // -31 points before the start of a short month.
    assert!(!in_range("-31:-30", "2023-02-01") && in_range("-31:-28", "2023-02-01"));
}

#[test]
fn zones_shift_the_day_and_follow_summer_time() {
    let berlin = "[{location: Europe/Berlin, times: [{start_time: '09:00', end_time: '17:00'}]}]";
    assert!(holds(berlin, "2023-01-10T08:00:00Z") && !holds(berlin, "2023-01-10T07:59:59Z"));
    assert!(holds(berlin, "2023-07-10T07:00:00Z") && !holds(berlin, "2023-07-10T15:00:00Z"));
    let sunday = "[{location: Asia/Tokyo, weekdays: [sunday]}]";
    assert!(holds(sunday, "2023-01-07T15:00:00Z") && !holds(sunday, "2023-01-08T15:00:00Z"));
    // October has 31 days although summer time ends in it.
    let last = "[{location: Europe/Berlin, days_of_month: ['-1']}]";
    assert!(holds(last, "2023-10-31T12:00:00Z") && !holds(last, "2023-10-30T12:00:00Z"));
    let night = "[{times: [{start_time: '23:59', end_time: '24:00'}]}]";
    assert!(holds(night, "2023-01-01T23:59:59.999Z") && !holds(night, "2023-01-02"));
    for name in ["", "UTC"] {
        assert_eq!(parse_location(name).map(|zone| zone.to_string()), Ok("UTC".into()));
    }
    assert_eq!(parse_location("Local").map(|zone| zone.to_string()), Ok("Local".into()));
}

#[test]
fn mistakes_are_reported_in_upstreams_words() {
    fn error<T: core::fmt::Debug>(result: Result<T, IntervalError>) -> String {
        result.expect_err("refused").to_string()
    }
    let both = "both start and end times must be provided";
    assert_eq!(error(parse_time_range("", "09:00")), both);
    assert_eq!(error(parse_time_range("09:00", "")), both);
    for clock in ["9:00", "24:01", "25:00", "09:60", "09:00:00", " 9:00", "é9:00"] {
        let text = alloc::format!("couldn't parse timestamp {clock}, invalid format");
        assert_eq!(error(parse_time_range(clock, "24:00")), text);
    }
    let order = "start time cannot be equal or greater than end time";
    assert_eq!(error(parse_time_range("10:00", "09:00")), order);
    assert_eq!(error(parse_weekday_range("mon")), "mon is not a valid weekday");
    assert_eq!(error(parse_weekday_range("monday:")), " is not a valid weekday");
    assert_eq!(error(parse_weekday_range("saturday:sunday")), "start day cannot be before end day");
    assert_eq!(
        error(parse_day_of_month_range("0")),
        "0 is not a valid day of the month: out of range"
    );
    assert_eq!(
        error(parse_day_of_month_range("1:-32")),
        "-32 is not a valid day of the month: out of range"
    );
    assert_eq!(
        error(parse_day_of_month_range("-3:3")),
        "end day must be negative if start day is negative"
    );
    assert_eq!(
        error(parse_day_of_month_range("20:-10")),
        "end day -10 is always before start day 20"
    );
    assert_eq!(error(parse_day_of_month_range("A")), "strconv.Atoi: parsing \"a\": invalid syntax");
    assert_eq!(
        error(parse_year_range("99999999999999999999")),
        "strconv.Atoi: parsing \"99999999999999999999\": value out of range"
    );
    assert_eq!(error(parse_month_range("Jan")), "jan is not a valid month");
    assert_eq!(
        error(parse_month_range("august:may")),
        "end month may is before start month august"
    );
    assert_eq!(error(parse_month_range("13:0")), "end month  is before start month ");
    assert!(parse_month_range("0:13").is_ok() && parse_year_range("-5").is_ok());
    assert_eq!(error(parse_year_range("2022:2020")), "end year 2020 is before start year 2022");
    assert_eq!(error(parse_location("Foo/Bar")), "unknown time zone Foo/Bar");
    assert_eq!(error(parse_location("europe/berlin")), "unknown time zone europe/berlin");
    assert_eq!(error(parse_location("../UTC")), "time: invalid location name");
    assert_eq!(error(parse_location("/UTC")), "time: invalid location name");
}

#[test]
fn a_name_is_listed_once_for_each_rule_that_holds() {
    let name: Arc<str> = "night".into();
    let mut intervals = Intervals::new();
    intervals
        .insert(name.clone(), build("[{}, {years: ['1970']}, {years: ['1971']}]").expect("valid"));
    let names = [name.clone(), "unknown".into()];
    assert_eq!(intervals.holding(&names, Timestamp::EPOCH), [name.clone(), name]);
}

proptest! {
    #[test]
    fn printed_ranges_read_back(text in "[0-9a-zA-Z:-]{0,8}|(monday|tuesday|May|march|-?[0-9]{1,3})(:(friday|june|-?[0-9]{1,3}))?") {
        if let Ok(range) = parse_weekday_range(&text) {
            prop_assert_eq!(parse_weekday_range(&range.to_string()), Ok(range));
        }
        if let Ok(range) = parse_day_of_month_range(&text) {
            prop_assert_eq!(parse_day_of_month_range(&range.to_string()), Ok(range));
        }
        if let Ok(range) = parse_month_range(&text) {
            prop_assert_eq!(parse_month_range(&range.to_string()), Ok(range));
        }
        if let Ok(range) = parse_year_range(&text) {
            prop_assert_eq!(parse_year_range(&range.to_string()), Ok(range));
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,12}", ns in any::<i64>(), zone in 0..4_usize) {
        let _ = (parse_weekday_range(&text), parse_day_of_month_range(&text));
        let _ = (parse_month_range(&text), parse_year_range(&text));
        let _ = (parse_location(&text), parse_time_range(&text, &text));
        let zone = ["", "Asia/Kathmandu", "Pacific/Apia", "Africa/Monrovia"][zone];
        let yaml = alloc::format!("[{{location: '{zone}', years: ['1000:3000'], weekdays: ['sunday:saturday']}}]");
        prop_assert!(build(&yaml).expect("valid").contains(Timestamp::from_nanos(ns)));
    }
}
