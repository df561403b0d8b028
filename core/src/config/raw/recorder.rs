//! `event_recorder`: where events are recorded. It has no effect without the feature of that name.

use alloc::{format, string::String, vec::Vec};

use crate::{
    notify::{HttpConfig, http::TlsConfig, secret::SecretUrl},
    schema::{Context, Field, Span, schema},
    yaml::{Abort, At, Out},
};

schema! {
    /// Where events would be recorded.
    pub struct EventRecorder {
        /// Files.
        pub file_outputs: Vec<FileOutput>,
        /// URLs.
        pub webhook_outputs: Vec<WebhookOutput>,
        /// Topics of Kafka.
        pub kafka_outputs: Vec<KafkaOutput>,
        /// The standard output.
        pub stdout_outputs: Vec<StdoutOutput>,
    }
}

schema! {
    /// A file that takes one event a line.
    pub struct FileOutput check Self::check {
        /// Its path.
        pub path: String; always,
    }
}

schema! {
    /// A URL that events are posted to.
    pub struct WebhookOutput check Self::check {
        /// The URL.
        pub url: SecretUrl,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// How long a post may take.
        pub timeout: Span,
        /// How many posts may be under way.
        pub workers: i64,
        /// How often a post is tried.
        pub max_retries: i64,
        /// The pause before the second attempt.
        pub retry_backoff: Span,
        /// Whether several events share a post.
        pub batch: bool,
        /// The most events of a post.
        pub batch_max_events: i64,
        /// The most bytes of a post.
        pub batch_max_bytes: i64,
        /// How long an event waits for others.
        pub batch_flush_interval: Span,
    }
}

schema! {
    /// A topic of Kafka.
    pub struct KafkaOutput check Self::check {
        /// Where the cluster is reached.
        pub brokers: Vec<String>,
        /// The topic.
        pub topic: String,
        /// The name of the client.
        pub client_id: String,
        /// `json` or `protobuf`.
        pub format: String,
        /// Who confirms: `none`, `leader` or `all`.
        pub acks: String,
        /// How messages are compressed.
        pub compression: String,
        /// How many events may wait.
        pub buffer_size: i64,
        /// How it speaks TLS.
        pub tls_config: Option<TlsConfig>,
    }
}

/// The standard output; it has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StdoutOutput;

impl Field for StdoutOutput {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        at.fields(&[], |_, _| Ok(()))
    }

    fn print(&self) -> Out {
        Out::Map(Vec::new())
    }

    fn is_zero(&self) -> bool {
        true
    }
}

impl FileOutput {
    fn check(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        if self.path.is_empty() {
            return Err(at.fail("event_recorder file output requires a path"));
        }
        self.path = context.join(&self.path);
        Ok(())
    }
}

impl WebhookOutput {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let fail = |text: &str| Err(at.fail(format!("event_recorder webhook output {text}")));
        if self.url.0.is_empty() {
            return fail("requires a url");
        }
        if self.url.0.is_masked() {
            return fail("requires an absolute http(s) url");
        }
        if self.batch_max_events < 0 || self.batch_max_bytes < 0 {
            return Err(at.fail("event_recorder webhook batch settings cannot be negative"));
        }
        let is_set = self.batch_max_events != 0
            || self.batch_max_bytes != 0
            || !self.batch_flush_interval.0.is_zero();
        if is_set && !self.batch {
            return Err(at.fail("event_recorder webhook batch settings require batch: true"));
        }
        Ok(())
    }
}

impl KafkaOutput {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let fail = |text: String| Err(at.fail(format!("event_recorder kafka: {text}")));
        if self.brokers.is_empty() {
            return fail("at least one broker is required".into());
        }
        if self.brokers.iter().any(String::is_empty) {
            return fail("broker entries must be non-empty".into());
        }
        if self.topic.is_empty() {
            return Err(at.fail("event_recorder kafka output requires a topic"));
        }
        if !matches!(&*self.acks, "" | "none" | "leader" | "all") {
            let text = "must be \"none\", \"leader\", or \"all\"";
            return fail(format!("unknown acks {:?}, {text}", self.acks));
        }
        if !matches!(&*self.compression, "" | "none" | "gzip" | "snappy" | "lz4" | "zstd") {
            return fail(format!("unknown compression {:?}", self.compression));
        }
        if !matches!(&*self.format, "" | "json" | "protobuf") {
            let text = "must be \"json\" or \"protobuf\"";
            return fail(format!("unknown format {:?}, {text}", self.format));
        }
        Ok(())
    }
}
