//! Integrations as step machines.

pub mod attempt;
pub mod data;
pub mod dialogue;
pub mod discord;
pub mod egress;
pub mod email;
pub mod exchange;
#[cfg(test)]
pub(crate) mod fixture;
pub mod global;
pub mod grpc;
pub mod http;
pub mod incidentio;
pub mod integration;
pub mod jira;
pub mod job;
pub mod json;
pub mod log;
pub mod mattermost;
pub mod memory;
pub mod msteams;
pub mod msteamsv2;
pub mod oauth2;
pub mod opsgenie;
pub mod pagerduty;
pub mod pair;
pub mod proxy;
pub mod pushover;
pub mod redirect;
pub mod render;
pub mod request;
pub mod rocketchat;
pub mod route_labels;
pub mod secret;
pub mod service;
pub mod slack;
pub mod smtp;
pub mod sns;
pub mod telegram;
pub mod trial;
pub mod victorops;
pub mod way;
pub mod webex;
pub mod webhook;
pub mod wechat;

pub use self::{
    attempt::{Attempt, Fed, Step},
    exchange::{Answer, Exchange, SendError, SendErrorKind},
    global::Global,
    http::HttpConfig,
    integration::{Integration, Kind},
    job::{Cause, Environment, Job, Notification, Outcome, Told},
    secret::{Secret, SecretSource},
    webhook::WebhookConfig,
};
