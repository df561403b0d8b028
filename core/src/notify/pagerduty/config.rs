//! The settings of PagerDuty.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    string::{String, ToString as _},
    vec::Vec,
};

use crate::{
    notify::{HttpConfig, Secret, pair},
    schema::{Any, Context, GoSpan, Url, schema},
    yaml::{Abort, At},
};

schema! {
    /// The settings in `pagerduty_configs`.
    pub struct PagerdutyConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The key of a service, for the events API 1; a template.
        pub service_key: Secret,
        /// The file with that key.
        pub service_key_file: String,
        /// The key of an integration, for the events API 2; a template.
        pub routing_key: Secret,
        /// The file with that key.
        pub routing_key_file: String,
        /// The events API 2.
        pub url: Url,
        /// The name of this server; a template.
        pub client: String = r#"{{ template "pagerduty.default.client" . }}"#.to_string(),
        /// Where this server is reached; a template.
        pub client_url: String = r#"{{ template "pagerduty.default.clientURL" . }}"#.to_string(),
        /// What the incident is about; a template.
        pub description: String =
            r#"{{ template "pagerduty.default.description" .}}"#.to_string(),
        /// What is known about it, a structure of templates.
        pub details: BTreeMap<String, Any> = default_details(),
        /// Pictures attached to the incident.
        pub images: Vec<Image>,
        /// Links attached to the incident.
        pub links: Vec<Link>,
        /// What is affected; a template. Unless set, the name of this server.
        pub source: String,
        /// The severity, `error` unless set; a template.
        pub severity: String,
        /// The kind of event; a template.
        pub class: String,
        /// The part that is affected; a template.
        pub component: String,
        /// The group of parts that is affected; a template.
        pub group: String,
        /// How long one attempt may take; 0 leaves it to the notification's deadline.
        pub timeout: GoSpan; always,
    }
}

schema! {
    /// A picture attached to an incident. Everything is a template; one without `src` is left out.
    pub struct Image {
        /// The picture's URL.
        pub src: String,
        /// What is shown where the picture cannot be.
        pub alt: String,
        /// Where it leads.
        pub href: String,
    }
}

schema! {
    /// A link attached to an incident. Everything is a template; one without `href` is left out.
    pub struct Link {
        /// Where it leads.
        pub href: String,
        /// What is shown.
        pub text: String,
    }
}

fn default_details() -> BTreeMap<String, Any> {
    [
        ("firing", "{{ .Alerts.Firing | toJson }}"),
        ("resolved", "{{ .Alerts.Resolved | toJson }}"),
        ("num_firing", "{{ .Alerts.Firing | len }}"),
        ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ]
    .map(|(name, text)| (name.to_owned(), Any::text(text)))
    .into()
}

impl PagerdutyConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let routing = (!self.routing_key.is_empty(), !self.routing_key_file.is_empty());
        let service = (!self.service_key.is_empty(), !self.service_key_file.is_empty());
        if (routing, service) == ((false, false), (false, false)) {
            return Err(
                at.fail("missing service or routing key in PagerDuty config; add routing_key: KEY")
            );
        }
        pair::at_most_one(at, "routing_key", routing.0, routing.1)?;
        pair::at_most_one(at, "service_key", service.0, service.1)?;
        for (name, text) in default_details() {
            self.details.entry(name).or_insert(text);
        }
        if self.source.is_empty() {
            self.source.clone_from(&self.client);
        }
        Ok(())
    }
}
