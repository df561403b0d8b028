//! One way to notify: an entry of a receiver's `*_configs` lists.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use super::{
    HttpConfig, Outcome, discord, email,
    global::Global,
    http::TlsConfig,
    incidentio, jira,
    job::Environment,
    log, mattermost, msteams, msteamsv2, opsgenie, pagerduty, pushover, rocketchat,
    service::{Service, Talk, Turn},
    slack, sns, telegram, victorops, webex, webhook, wechat,
};
use crate::{
    schema::{Context, Field as _},
    yaml::{Abort, At, Out},
};

/// One entry of a receiver's `*_configs` lists, ready to use.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// What it does, with its own settings.
    pub kind: Kind,
    /// The word for its kind in metrics and the notification log, as in [`Kind::name`].
    pub name: &'static str,
    /// Its place among the receiver's entries of the same kind, from 0.
    pub index: u32,
    /// Whether it also tells of resolved alerts.
    pub send_resolved: bool,
    /// How it talks HTTP: its own `http_config`, else the global one.
    pub http: Arc<HttpConfig>,
}

/// Makes the list of kinds; `no_http` marks those without an `http_config`. The order is
/// Alertmanager's for keys in a receiver, and for printing.
macro_rules! kinds {
    ($($kind:ident($config:ty), $list:literal, $doc:literal $(, $without:ident)?;)*) => {
        /// The kinds of integration, with their settings.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Kind {
            $( #[doc = $doc] $kind(Box<$config>), )*
        }

        /// The keys of a receiver that hold integrations, in Alertmanager's order.
        pub const LISTS: &[&str] = &[$($list),*];

        impl Kind {
            /// Returns the word for the kind in metrics and the notification log.
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$kind(_) => <$config as Service>::NAME, )*
                }
            }

            /// Returns the key of a receiver that holds integrations of this kind.
            pub const fn list(&self) -> &'static str {
                match self {
                    $( Self::$kind(_) => $list, )*
                }
            }

            /// Reads one element of a list; `None` if `list` is no such key.
            ///
            /// # Errors
            /// The first rule that the element breaks.
            pub fn read(
                list: &str,
                at: &At<'_>,
                context: &Context<'_>,
            ) -> Option<Result<Self, Abort>> {
                Some(match list {
                    $( $list => {
                        let mut config = <$config>::default();
                        config.read(at, context).map(|()| Self::$kind(Box::new(config)))
                    } )*
                    _ => return None,
                })
            }

            /// Returns the settings as they are printed.
            pub fn print(&self) -> Out {
                match self {
                    $( Self::$kind(config) => config.print(), )*
                }
            }

            /// Tells whether resolved alerts are told too.
            pub fn send_resolved(&self) -> bool {
                match self {
                    $( Self::$kind(config) => config.send_resolved, )*
                }
            }

            fn own_http(&self) -> Option<&HttpConfig> {
                match self {
                    $( Self::$kind(config) => kinds!(@own config $($without)?), )*
                }
            }

            /// Returns how it talks HTTP.
            pub fn http(&self) -> HttpConfig {
                let mut http = self.own_http().cloned().unwrap_or_default();
                match self {
                    $( Self::$kind(config) => config.adjust_http(&mut http), )*
                }
                http
            }

            /// Returns how TLS is made where it is not HTTP that is spoken.
            pub fn mail_tls(&self) -> Option<&TlsConfig> {
                match self {
                    Self::Email(config) => config.tls_config.as_ref(),
                    _ => None,
                }
            }

            /// Returns the files that have to be there before it is used, as upstream reads them
            /// once when it loads.
            pub fn early_files(&self) -> Vec<&str> {
                let paths = match self {
                    Self::Rocketchat(config) => [&*config.token_file, &config.token_id_file],
                    Self::Incidentio(config) => [&*config.alert_source_token_file, ""],
                    _ => return Vec::new(),
                };
                paths.into_iter().filter(|path| !path.is_empty()).collect()
            }

            /// Takes over from `global` what is not set, and checks what is left.
            ///
            /// # Errors
            /// What is missing or contradicts itself.
            pub fn inherit(&mut self, global: &Global) -> Result<(), String> {
                match self {
                    $( Self::$kind(config) => {
                        config.inherit(global)?;
                        kinds!(@take config, global $($without)?);
                    } )*
                }
                Ok(())
            }

            /// Returns the files to read before each attempt: key and path.
            pub fn files(&self) -> Vec<(&'static str, &str)> {
                match self {
                    $( Self::$kind(config) => config.files(), )*
                }
            }

            /// Returns the files to read before each attempt if they exist.
            pub fn optional_files(&self, environment: &Environment) -> Vec<String> {
                match self {
                    $( Self::$kind(config) => config.optional_files(environment), )*
                }
            }

            /// Tells whether a turn about few alerts takes some microseconds.
            pub fn is_light(&self) -> bool {
                match self {
                    $( Self::$kind(config) => config.is_light(), )*
                }
            }

            /// Returns the next request of an attempt, or its end.
            ///
            /// # Errors
            /// Its end.
            pub fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
                match self {
                    $( Self::$kind(config) => config.turn(talk), )*
                }
            }
        }
    };
    (@own $config:ident) => { $config.http_config.as_ref() };
    (@own $config:ident $without:ident) => {{
        let _ = $config;
        None
    }};
    (@take $config:ident, $global:ident) => {
        if $config.http_config.is_none() {
            $config.http_config = Some($global.http()?);
        }
    };
    (@take $config:ident, $global:ident $without:ident) => {};
}

kinds! {
    Discord(discord::DiscordConfig), "discord_configs", "Posts to a Discord channel.";
    Email(email::EmailConfig), "email_configs", "Hands in mails at an SMTP server.", no_http;
    Incidentio(incidentio::IncidentioConfig), "incidentio_configs", "Posts to incident.io.";
    Pagerduty(pagerduty::PagerdutyConfig), "pagerduty_configs", "Keeps a PagerDuty incident.";
    Slack(slack::SlackConfig), "slack_configs", "Posts to a Slack channel.";
    Webhook(webhook::WebhookConfig), "webhook_configs", "Posts JSON to a URL.";
    Opsgenie(opsgenie::OpsgenieConfig), "opsgenie_configs", "Keeps an OpsGenie alert.";
    Wechat(wechat::WechatConfig), "wechat_configs", "Sends a message on WeChat Work.";
    Pushover(pushover::PushoverConfig), "pushover_configs", "Sends a message over Pushover.";
    Victorops(victorops::VictoropsConfig), "victorops_configs", "Posts to VictorOps.";
    Sns(sns::SnsConfig), "sns_configs", "Publishes to Amazon SNS.";
    Telegram(telegram::TelegramConfig), "telegram_configs", "Sends to a Telegram chat.";
    Webex(webex::WebexConfig), "webex_configs", "Posts to a Webex room.";
    MsTeams(msteams::MsTeamsConfig), "msteams_configs", "Posts a card to Microsoft Teams.";
    MsTeamsV2(msteamsv2::MsTeamsV2Config), "msteamsv2_configs", "Posts an adaptive card to Teams.";
    Jira(jira::JiraConfig), "jira_configs", "Keeps a Jira issue.";
    Rocketchat(rocketchat::RocketchatConfig), "rocketchat_configs", "Posts to a Rocket.Chat channel.";
    Mattermost(mattermost::MattermostConfig), "mattermost_configs", "Posts to a Mattermost channel.";
    Log(log::LogConfig), "log_configs", "Writes to campana's own log.", no_http;
}

/// The order in which a receiver's integrations are built, which is that of their deliveries.
pub const BUILD_ORDER: [&str; 19] = [
    "webhook_configs",
    "email_configs",
    "pagerduty_configs",
    "opsgenie_configs",
    "wechat_configs",
    "slack_configs",
    "victorops_configs",
    "pushover_configs",
    "sns_configs",
    "telegram_configs",
    "discord_configs",
    "webex_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "jira_configs",
    "incidentio_configs",
    "rocketchat_configs",
    "mattermost_configs",
    "log_configs",
];
