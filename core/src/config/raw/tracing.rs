//! `tracing`: how spans of notifications are exported.

use alloc::{collections::BTreeMap, format, string::String, string::ToString as _, vec::Vec};

use crate::{
    notify::{Secret, http::TlsConfig},
    schema::{Context, Span, schema},
    yaml::{Abort, At},
};

schema! {
    /// How traces are exported.
    pub struct Tracing check Self::check {
        /// The protocol: `grpc` or `http`.
        pub client_type: String = "grpc".to_string(),
        /// Where to, as `host:port`.
        pub endpoint: String,
        /// The share of requests that are traced.
        pub sampling_fraction: f64,
        /// Whether to speak without TLS.
        pub insecure: bool,
        /// How it speaks TLS.
        pub tls_config: Option<TlsConfig>,
        /// Header lines by name.
        pub headers: Option<BTreeMap<String, TracingHeader>>,
        /// `gzip` or nothing.
        pub compression: String,
        /// How long an export may take.
        pub timeout: Span,
    }
}

schema! {
    /// The values of one header line.
    pub struct TracingHeader {
        /// Values that may be seen.
        pub values: Vec<String>,
        /// Values that may not.
        pub secrets: Vec<Secret>,
        /// Files with values, which no tracing supports.
        pub files: Vec<String>,
    }
}

impl Tracing {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if !matches!(&*self.client_type, "grpc" | "http") {
            return Err(at.fail(format!(
                "expected tracing client type to be http or grpc, but got {:?}",
                self.client_type
            )));
        }
        if self.endpoint.is_empty() {
            return Err(at.fail("tracing endpoint must be set; write for example localhost:4317"));
        }
        if !matches!(&*self.compression, "" | "gzip") {
            return Err(at.fail(format!(
                "invalid compression type {} provided, valid options: gzip",
                self.compression
            )));
        }
        if self.headers.iter().flatten().any(|(_, header)| !header.files.is_empty()) {
            return Err(at.fail("header files are not supported for tracing configuration"));
        }
        Ok(())
    }
}
