//! The commands `alert query` and `alert add`.

use serde::Serialize;

use crate::{
    client::{Client, Query},
    format,
    model::{Alert, Pairs, When, to_json},
    server::connect,
    session::{Failure, Session, print},
    words,
};

/// Shows the alerts the server holds.
pub(crate) fn query(session: &Session) -> Result<(), Failure> {
    let matchers = words::filters(session)?;
    let client = connect(session)?;
    let names = ["active", "inhibited", "silenced", "unprocessed"];
    let any = names.iter().any(|name| session.switch(name));
    let state = |name: &str| {
        let on = session.switch(name) || (name == "active" && !any);
        (name.to_owned(), on.to_string())
    };
    // In the order of the alphabet, as Go writes queries.
    let mut pairs = vec![state("active")];
    pairs.extend(matchers.into_iter().map(|matcher| ("filter".to_owned(), matcher)));
    pairs.push(state("inhibited"));
    let receiver = session.optional("receiver");
    pairs.extend(receiver.map(|receiver| ("receiver".to_owned(), receiver.to_owned())));
    pairs.extend([state("silenced"), state("unprocessed")]);
    let mut query = Query::default();
    pairs.iter().for_each(|(name, value)| query.push(name, value));
    let alerts: Vec<Alert> = client.get(&format!("/alerts{query}"))?.json("GET /alerts")?;
    print(&format::alerts(session, alerts))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAlert {
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    annotations: Pairs,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<When>,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
    labels: Pairs,
}

/// Posts one alert.
pub(crate) fn add(session: &Session) -> Result<(), Failure> {
    let alert = NewAlert {
        labels: words::labels(session)?,
        annotations: words::annotations(session)?,
        starts_at: words::time(session, "start")?,
        ends_at: words::time(session, "end")?,
        generator_url: session.text("generator-url").to_owned(),
    };
    let client: Client = connect(session)?;
    client.post("/alerts", &to_json(&[alert]))?.check("POST /alerts")?;
    client.warn_of_skew(session);
    Ok(())
}
