//! The forms of output: simple, extended and JSON.

use std::net::IpAddr;

use campana_core::label::quote::quote;

use crate::{
    model::{Alert, Cluster, Pairs, Silence, SilenceMatcher, Status, to_json},
    session::{Form, Session},
    tabs::align,
};

/// Rows of a table, with tabs between the cells.
struct Table {
    text: String,
    /// Whether the output is read by people at a terminal.
    colours: bool,
}

impl Table {
    fn new(session: &Session, names: &[&str]) -> Self {
        let mut table = Self { text: String::new(), colours: session.colours };
        table.row(names.iter().map(|name| (*name).to_owned()));
        table
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            // A terminal must not obey what stands in a label, nor lose its columns over it.
            match self.colours {
                true => {
                    self.text.extend(cell.chars().map(|c| if c.is_control() { '␣' } else { c }))
                }
                false => self.text.push_str(&cell),
            }
            self.text.push('\t');
        }
        self.text.push('\n');
    }

    fn finish(self) -> String {
        let aligned = align(&self.text);
        if !self.colours {
            return aligned;
        }
        let (head, rows) = aligned.split_once('\n').unwrap_or((&aligned, ""));
        format!("\x1b[1m{}\x1b[0m\n{}", head.trim_end(), paint_states(rows))
    }
}

/// Colours the state at the end of each row.
fn paint_states(rows: &str) -> String {
    let mut out = String::new();
    for row in rows.lines() {
        let row = row.trim_end();
        let colour = match row.rsplit("  ").next() {
            Some("active") => "31",
            Some("suppressed") => "33",
            Some("unprocessed") => "36",
            _ => "",
        };
        match (colour, row.rfind("  ")) {
            ("", _) | (_, None) => out.push_str(row),
            (colour, Some(at)) => {
                out.push_str(&format!("{}\x1b[{colour}m{}\x1b[0m", &row[..at + 2], &row[at + 2..]));
            }
        }
        out.push('\n');
    }
    out
}

/// Shows alerts, the oldest first.
pub(crate) fn alerts(session: &Session, mut alerts: Vec<Alert>) -> String {
    let layout = session.text("date.format");
    if session.form() == Form::Json {
        return to_json(&alerts);
    }
    alerts.sort_by_key(|alert| alert.starts_at.0.at);
    let value = |pairs: &Pairs, name: &str| pairs.get(name).cloned().unwrap_or_default();
    let mut table;
    if session.form() == Form::Extended {
        let names = ["Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State"];
        table = Table::new(session, &names);
        for alert in alerts {
            table.row([
                pairs(&alert.labels),
                pairs(&alert.annotations),
                alert.starts_at.format(layout),
                alert.ends_at.format(layout),
                alert.generator_url,
                alert.status.state,
            ]);
        }
    } else {
        table = Table::new(session, &["Alertname", "Starts At", "Summary", "State"]);
        for alert in alerts {
            table.row([
                value(&alert.labels, "alertname"),
                alert.starts_at.format(layout),
                value(&alert.annotations, "summary"),
                alert.status.state,
            ]);
        }
    }
    table.finish()
}

fn pairs(pairs: &Pairs) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
    pairs.join(" ")
}

/// Shows silences, those that end first at the top.
pub(crate) fn silences(session: &Session, mut silences: Vec<Silence>) -> String {
    let layout = session.text("date.format");
    if session.form() == Form::Json {
        return to_json(&silences);
    }
    silences.sort_by_key(|silence| silence.body.ends_at.0.at);
    let mut table;
    if session.form() == Form::Extended {
        let names =
            ["ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment"];
        table = Table::new(session, &names);
        for silence in silences {
            let body = silence.body;
            table.row([
                silence.id,
                format!("{{{}}}", matchers(&body.matchers, ",")),
                body.starts_at.format(layout),
                body.ends_at.format(layout),
                silence.updated_at.format(layout),
                body.created_by,
                body.comment,
            ]);
        }
    } else {
        table = Table::new(session, &["ID", "Matchers", "Ends At", "Created By", "Comment"]);
        for silence in silences {
            let body = silence.body;
            table.row([
                silence.id,
                matchers(&body.matchers, " "),
                body.ends_at.format(layout),
                body.created_by,
                body.comment,
            ]);
        }
    }
    table.finish()
}

fn matchers(matchers: &[SilenceMatcher], between: &str) -> String {
    let texts: Vec<String> =
        matchers.iter().map(|m| format!("{}{}{}", m.name, m.op(), quote(&m.value))).collect();
    texts.join(between)
}

/// Shows the configuration.
pub(crate) fn config(session: &Session, status: &Status) -> String {
    match session.form() {
        Form::Json => to_json(status),
        Form::Simple => format!("{}\n", status.config.original),
        Form::Extended => {
            let version = &status.version_info;
            let mut text = format!("{}\n", status.config.original);
            for (name, value) in [
                ("buildUser", &version.build_user),
                ("goVersion", &version.go_version),
                ("revision", &version.revision),
                ("version", &version.version),
                ("branch", &version.branch),
                ("buildDate", &version.build_date),
                ("uptime", &status.uptime.text()),
            ] {
                text.push_str(&format!("{name} {value}\n"));
            }
            text
        }
    }
}

/// Shows the cluster's state.
pub(crate) fn cluster(session: &Session, cluster: &Cluster) -> String {
    if session.form() == Form::Json {
        return to_json(cluster);
    }
    let mut text = format!("Cluster Status:\t{}\nNode Name:\t{}\n", cluster.status, cluster.name);
    if session.form() == Form::Extended {
        let mut peers: Vec<_> = cluster.peers.iter().collect();
        peers.sort_by_key(|peer| place(&peer.address));
        text.push_str("\nAddress\tName\n");
        for peer in peers {
            text.push_str(&format!("{}\t{}\t\n", peer.address, peer.name));
        }
    }
    align(&text)
}

/// The order of peers: by the bytes of their address, then by port.
fn place(address: &str) -> (Vec<u8>, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_matches(['[', ']']);
    let bytes = match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets().to_vec(),
        Ok(IpAddr::V6(ip)) => ip.octets().to_vec(),
        Err(_) => Vec::new(),
    };
    (bytes, port.parse().unwrap_or(0))
}
