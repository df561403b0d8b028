//! `time_intervals[]` and its older twin `mute_time_intervals[]`.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use crate::{
    interval::{
        IntervalError, Spec, TimeRange, parse_day_of_month_range, parse_location,
        parse_month_range, parse_time_range, parse_weekday_range, parse_year_range,
    },
    yaml::{Abort, At, decode::Spot},
};

/// A named interval as typed.
#[derive(Debug)]
pub struct Interval {
    /// Where it stands.
    pub spot: Spot,
    /// `name`.
    pub name: String,
    /// `time_intervals`: the calendar rules.
    pub specs: Vec<Spec>,
}

/// Reads a list of named intervals; `what` is what messages call one.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read_all(at: &At<'_>, what: &str) -> Result<Vec<Interval>, Abort> {
    let mut intervals = Vec::new();
    at.items(|_, item| {
        let mut interval = Interval { spot: item.spot(), name: String::new(), specs: Vec::new() };
        let before = item.complaints();
        item.fields(&["name", "time_intervals"], |key, at| {
            if key == "name" {
                interval.name = at.text().unwrap_or_default().to_owned();
                return Ok(());
            }
            at.items(|_, item| {
                interval.specs.push(read_spec(&item)?);
                Ok(())
            })?;
            Ok(())
        })?;
        // Null makes one without a name, which no route can refer to.
        if interval.name.is_empty() && !item.node.is_null() && item.complaints() == before {
            return Err(item.fail(format!("missing name in {what}; add name: NAME")));
        }
        intervals.push(interval);
        Ok(())
    })?;
    Ok(intervals)
}

/// Reads one calendar rule.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read_spec(at: &At<'_>) -> Result<Spec, Abort> {
    let mut spec = Spec::default();
    let keys = ["times", "weekdays", "days_of_month", "months", "years", "location"];
    at.fields(&keys, |key, at| {
        match key {
            "times" => {
                let mut times = Vec::new();
                if at.items(|_, item| {
                    times.extend(read_time(&item)?);
                    Ok(())
                })? {
                    spec.times = Some(times);
                }
            }
            "weekdays" => spec.weekdays = ranges(&at, parse_weekday_range)?,
            "days_of_month" => spec.days_of_month = ranges(&at, parse_day_of_month_range)?,
            "months" => spec.months = ranges(&at, parse_month_range)?,
            "years" => spec.years = ranges(&at, parse_year_range)?,
            _ => {
                let Some(name) = at.text() else { return Ok(()) };
                let zone = parse_location(name).map_err(|error| {
                    at.fail(format!("{error}; write an IANA name such as Europe/Berlin"))
                })?;
                spec.location = Some(zone);
            }
        }
        Ok(())
    })?;
    Ok(spec)
}

fn read_time(at: &At<'_>) -> Result<Option<TimeRange>, Abort> {
    if at.node.is_unset() {
        return Ok(Some(TimeRange::default()));
    }
    let (mut start, mut end) = ("", "");
    let before = at.complaints();
    at.fields(&["start_time", "end_time"], |key, at| {
        let text = at.text().unwrap_or_default();
        *(if key == "start_time" { &mut start } else { &mut end }) = text;
        Ok(())
    })?;
    if at.complaints() > before {
        return Ok(None);
    }
    parse_time_range(start, end).map(Some).map_err(|error| {
        at.fail(format!("{error}; write for example {{start_time: '09:00', end_time: '17:00'}}"))
    })
}

/// Reads a list of ranges. A list that is there but empty is kept: its spec never matches.
fn ranges<T: Default>(
    at: &At<'_>,
    parse: fn(&str) -> Result<T, IntervalError>,
) -> Result<Option<Vec<T>>, Abort> {
    let Some(items) = at.texts() else { return Ok(None) };
    let mut ranges = Vec::new();
    for item in items {
        if item.node.is_unset() {
            // As in the original: a range that nothing was read into.
            ranges.push(T::default());
            continue;
        }
        let text = item.text().unwrap_or_default();
        ranges.push(parse(text).map_err(|error| item.fail(error.to_string()))?);
    }
    Ok(Some(ranges))
}
