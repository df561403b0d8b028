//! What was measured, row by row.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::Which;

/// What a figure of campana has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Nothing: it stands there to be known.
    None,
    /// At most this part of Alertmanager's.
    Part(f64),
    /// At most so much, whatever Alertmanager needs: by `campana`, and by `campana-std`.
    Most(f64, f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => f.write_str("–"),
            Self::Part(part) => write!(f, "≤ 1/{:.0}", 1.0 / part),
            Self::Most(one, other) if one == other => write!(f, "≤ {one}"),
            Self::Most(one, other) => write!(f, "≤ {one}, {other}"),
        }
    }
}

/// One thing that was measured on every server, round by round.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// What, in words.
    pub what: String,
    /// The unit of the values.
    pub unit: String,
    /// What it has to reach.
    pub goal: Goal,
    /// The values of each server, by round.
    pub values: BTreeMap<Which, Vec<f64>>,
    /// The commit at which it was measured.
    pub commit: String,
}

impl Row {
    /// Returns the median, the least and the greatest value of a server.
    pub fn spread(&self, which: Which) -> Option<[f64; 3]> {
        spread(self.values.get(&which)?.clone())
    }

    /// Returns the median, the least and the greatest of the ratios to Alertmanager by round: how
    /// many times less campana needs.
    pub fn ratios(&self, which: Which) -> Option<[f64; 3]> {
        let (own, other) = (self.values.get(&which)?, self.values.get(&Which::Alertmanager)?);
        let pairs = own.iter().zip(other).filter(|(own, _)| **own > 0.0);
        spread(pairs.map(|(own, other)| other / own).collect())
    }

    /// Tells whether a server reaches the goal; `None` when nothing can be said.
    pub fn is_reached(&self, which: Which) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::Part(part) => Some(self.ratios(which)?[0] * part >= 1.0),
            Goal::Most(one, other) => {
                let most = if which == Which::Campana { one } else { other };
                Some(self.spread(which)?[0] <= most)
            }
        }
    }
}

fn spread(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    Some([*values.get(values.len() / 2)?, *values.first()?, *values.last()?])
}

/// All rows, in the order in which they were first measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Figures {
    pub(super) fn note(
        &mut self,
        scenario: &str,
        what: &str,
        unit: &str,
        goal: Goal,
        which: Which,
        value: f64,
    ) {
        let is_it = |row: &&mut Row| row.scenario == scenario && row.what == what;
        let row = match self.rows.iter_mut().find(is_it) {
            Some(row) => row,
            None => {
                let (scenario, what) = (scenario.to_owned(), what.to_owned());
                let (unit, values) = (unit.to_owned(), BTreeMap::new());
                let commit = String::new();
                self.rows.push(Row { scenario, what, unit, goal, values, commit });
                self.rows.last_mut().expect("one was just added")
            }
        };
        row.values.entry(which).or_default().push(value);
    }

    /// Puts the rows of one scenario, measured at a commit, in the place of older ones. What was
    /// not measured this time stays if `keep` says so: sizes that were left out.
    pub fn replace(&mut self, scenario: &str, commit: &str, rows: Vec<Row>, keep: bool) {
        if !keep {
            let measured = |row: &Row| rows.iter().any(|new| new.what == row.what);
            self.rows.retain(|row| row.scenario != scenario || measured(row));
        }
        for mut row in rows {
            row.commit = commit.to_owned();
            let is_it = |old: &Row| old.scenario == scenario && old.what == row.what;
            match self.rows.iter().position(is_it) {
                Some(at) => self.rows[at] = row,
                None => {
                    let last = self.rows.iter().rposition(|old| old.scenario == scenario);
                    self.rows.insert(last.map_or(self.rows.len(), |at| at + 1), row);
                }
            }
        }
    }

    /// Adds rounds to the rows of one scenario that were measured at the same commit; those of an
    /// older one give way.
    pub fn extend(&mut self, scenario: &str, commit: &str, mut rows: Vec<Row>) {
        for row in &mut rows {
            let is_it = |old: &&Row| {
                old.scenario == scenario && old.what == row.what && old.commit == commit
            };
            let Some(old) = self.rows.iter().find(is_it) else { continue };
            for (which, values) in &mut row.values {
                let before = old.values.get(which).into_iter().flatten().copied();
                *values = before.chain(std::mem::take(values)).collect();
            }
        }
        self.replace(scenario, commit, rows, true);
    }

    /// Writes everything as JSON.
    pub fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let goal = match row.goal {
                Goal::None => Value::Null,
                Goal::Part(part) => json!({"part": part}),
                Goal::Most(one, other) => json!({"most": [one, other]}),
            };
            let values: BTreeMap<&str, &Vec<f64>> =
                row.values.iter().map(|(which, values)| (which.name(), values)).collect();
            json!({
                "scenario": row.scenario, "what": row.what, "unit": row.unit, "goal": goal,
                "values": values, "commit": row.commit,
            })
        });
        json!({"rows": rows.collect::<Value>()})
    }

    /// Reads what [`Self::to_json`] wrote; `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let row = |row: &Value| {
            let goal = match &row["goal"] {
                Value::Null => Goal::None,
                goal if goal["part"].is_f64() => Goal::Part(goal["part"].as_f64()?),
                goal => Goal::Most(goal["most"][0].as_f64()?, goal["most"][1].as_f64()?),
            };
            let mut values = BTreeMap::new();
            for (name, list) in row["values"].as_object()? {
                let list = list.as_array()?.iter().map(Value::as_f64);
                values.insert(Which::find(name)?, list.collect::<Option<Vec<f64>>>()?);
            }
            Some(Row {
                scenario: text(&row["scenario"])?,
                what: text(&row["what"])?,
                unit: text(&row["unit"])?,
                goal,
                values,
                commit: text(&row["commit"])?,
            })
        };
        let rows = value["rows"].as_array()?.iter().map(row).collect::<Option<Vec<Row>>>()?;
        Some(Self { rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds_and_survive_being_written() {
        let mut figures = Figures::default();
        for (ours, theirs) in [(1.0, 30.0), (2.0, 40.0), (1.0, 20.0)] {
            figures.note("a", "b", "µs", Goal::Part(0.04), Which::Alertmanager, theirs);
            figures.note("a", "b", "µs", Goal::Part(0.04), Which::Campana, ours);
        }
        let row = &figures.rows[0];
        assert_eq!(row.ratios(Which::Campana), Some([20.0, 20.0, 30.0]));
        assert_eq!(row.is_reached(Which::Campana), Some(false));
        assert_eq!(row.is_reached(Which::CampanaStd), None);
        let again = Figures::from_json(&figures.to_json()).expect("it was just written");
        assert_eq!(again.rows[0].values, row.values);
        assert_eq!(again.rows[0].goal, row.goal);
    }

    #[test]
    fn sizes_that_were_left_out_keep_their_figures() {
        let measured = |whats: &[&str]| {
            let mut figures = Figures::default();
            for what in whats {
                figures.note("a", what, "µs", Goal::None, Which::Campana, 1.0);
            }
            figures.rows
        };
        let mut figures = Figures::default();
        let at = |figures: &Figures| {
            let rows = figures.rows.iter().map(|row| format!("{} {}", row.what, row.commit));
            rows.collect::<Vec<String>>()
        };
        figures.replace("a", "c1", measured(&["10", "100"]), false);
        figures.replace("a", "c2", measured(&["10", "20"]), true);
        assert_eq!(at(&figures), ["10 c2", "100 c1", "20 c2"]);
        figures.replace("a", "c3", measured(&["10"]), false);
        assert_eq!(at(&figures), ["10 c3"]);
        figures.extend("a", "c3", measured(&["10"]));
        assert_eq!(figures.rows[0].values[&Which::Campana], [1.0, 1.0]);
        figures.extend("a", "c4", measured(&["10"]));
        assert_eq!(figures.rows[0].values[&Which::Campana], [1.0]);
        assert_eq!(at(&figures), ["10 c4"]);
    }
}
