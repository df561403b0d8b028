//! One attempt to post.

use alloc::format;

use super::{WebhookConfig, body};
use crate::{
    notify::{
        Cause, Fed, Job, Kind, Secret, SendErrorKind, Step,
        data::Data,
        request::{self, Files, Hidden, Post},
    },
    time::duration::format_go_span,
};

/// One attempt to post: reads the files it needs, sends, and judges the answer.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    files: Files,
    hidden: Hidden,
}

impl Attempt {
    /// Makes an attempt that has done nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the next thing the attempt needs.
    ///
    /// # Panics
    /// When the job is not a webhook's.
    pub fn step(&mut self, job: &Job, fed: Fed) -> Step {
        let Kind::Webhook(config) = &job.integration.kind else {
            unreachable!("the attempt was made for a webhook");
        };
        match fed {
            Fed::Start => {
                self.files = Files::new([("url_file", &config.url)], &job.integration.http);
            }
            Fed::File(content) => {
                if let Err(outcome) = self.files.put(content) {
                    return Step::Done(outcome);
                }
            }
            Fed::Sent(mut result) => {
                if let (Err(error), Some(timeout)) = (&mut result, config.timeout)
                    && error.kind == SendErrorKind::Timeout
                {
                    let limit = format_go_span(timeout);
                    error.message += &format!(": configured webhook timeout reached ({limit})");
                }
                return Step::Done(request::outcome(job, result, &self.hidden, &[]));
            }
        }
        match self.files.missing() {
            Some(path) => Step::Read(path),
            None => self.send(job, config),
        }
    }

    fn send(&mut self, job: &Job, config: &WebhookConfig) -> Step {
        let url = self.files.secret(&config.url);
        if url.is_empty() {
            let error = "webhook URL is empty after templating".into();
            return Step::Done(request::fail(error, Cause::Other));
        }
        let post = Post {
            url: Secret::new(url),
            content_type: "application/json",
            body: body::write(&Data::new(job, config.max_alerts)),
            timeout: config.timeout,
        };
        match post.exchange(job, &self.files) {
            Ok((exchange, hidden)) => {
                self.hidden = hidden;
                Step::Send(exchange)
            }
            Err(outcome) => Step::Done(outcome),
        }
    }
}
