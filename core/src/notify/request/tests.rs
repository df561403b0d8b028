use alloc::{
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::notify::{
    Fed, Kind, SecretSource, SendError, SendErrorKind, Step,
    fixture::{URL, attempt, firing, job, webhook},
    http::Header,
};

fn a_job(http: HttpConfig) -> Job {
    job(vec![firing("a")], Kind::Webhook(webhook().into()), http)
}

fn exchange(url: &str, http: HttpConfig) -> Result<Exchange, Outcome> {
    let request = Request::post_json(url, String::new());
    super::exchange(&request, &a_job(http), &Files::default(), None, &mut Hidden::default())
}

fn lines(exchange: &Exchange) -> Vec<(String, String)> {
    let further = exchange.headers.iter().skip(2);
    further.map(|(name, value)| (name.to_string(), value.expose().to_string())).collect()
}

fn line(name: &str, value: &str) -> (String, String) {
    (name.to_string(), value.to_string())
}

#[test]
fn authorization_is_what_is_configured() {
    let secret = |text: &str| Some(SecretSource::Inline(Secret::new(text)));
    let basic = |user: &str| Auth::Basic {
        username: Some(TextSource::Inline(user.into())),
        password: secret("p w"),
    };
    let scheme = |kind: &str, credentials| Auth::Scheme { kind: kind.into(), credentials };
    for (url, auth, want) in [
        (URL, Auth::None, None),
        (URL, basic("u"), Some("Basic dTpwIHc=")),
        (URL, Auth::Basic { username: None, password: None }, Some("Basic Og==")),
        (URL, scheme("Bearer", secret("tok")), Some("Bearer tok")),
        (URL, scheme("GenieKey", None), Some("GenieKey ")),
        ("http://u:p%20w@h/", basic("other"), Some("Basic dTpwIHc=")),
        ("https://u@h/", Auth::None, Some("Basic dTo=")),
    ] {
        let made = exchange(url, HttpConfig { auth, ..HttpConfig::default() }).expect("usable");
        let want: Vec<_> = want.map(|value| line("Authorization", value)).into_iter().collect();
        assert_eq!(lines(&made), want);
        assert!(!made.url.expose().contains('@'));
    }
}

#[test]
fn configured_headers_are_added_in_order() {
    let header = |values: &[&str], secrets: &[&str]| Header {
        values: values.iter().map(|v| (*v).into()).collect(),
        secrets: secrets.iter().map(|s| Secret::new(*s)).collect(),
        files: Vec::new(),
    };
    let headers = vec![
        ("X-B".into(), header(&["1", "2"], &["3"])),
        ("x-api-KEY".into(), header(&[], &["k"])),
    ];
    let made = exchange(URL, HttpConfig { headers, ..HttpConfig::default() }).expect("usable");
    let want = [line("X-B", "1"), line("X-B", "2"), line("X-B", "3"), line("X-Api-Key", "k")];
    assert_eq!(lines(&made), want);

    for (name, value, is_final) in [("X A", "v", true), ("", "v", true), ("X-A", "a\nb: c", false)]
    {
        let headers = vec![(name.into(), header(&[], &[value]))];
        let error = exchange(URL, HttpConfig { headers, ..HttpConfig::default() });
        assert_eq!(matches!(error, Err(Outcome::Fail { .. })), is_final, "{error:?}");
        assert!(error.is_err());
    }
}

#[test]
fn urls_are_made_fit_for_clients() {
    for (url, want) in [
        ("http://h", "http://h"),
        ("HTTPS://h:1/a?b=c#d", "https://h:1/a?b=c"),
        ("http://[::1]:9/ü x%20{y}?q=\"", "http://[::1]:9/%C3%BC%20x%20%7By%7D?q=%22"),
        ("http://a@b@h/", "http://h/"),
    ] {
        let made = exchange(url, HttpConfig::default()).expect(url);
        assert_eq!(made.url.expose(), want);
    }
    for url in [
        "nonsense-s3cret",
        "/s3cret",
        "ftp://h/s3cret",
        "http:///s3cret",
        "http://:80/s3cret",
        "http://hö/s3cret",
        "http://h h/s3cret",
        "http://h/s3cret\nX: y",
        "http://h/{{ .s3cret }}",
    ] {
        let Err(Outcome::Fail { error, .. }) = exchange(url, HttpConfig::default()) else {
            panic!("{url}")
        };
        assert!(error.starts_with("Post \"<redacted>\": the URL") && !error.contains("s3cret"));
    }
}

fn judged(status: u16, body: &str, headers: &[(&str, &str)]) -> Outcome {
    let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let answer = Answer { status, headers, body: body.into() };
    let detail = String::from_utf8_lossy(&answer.body).into_owned();
    judge(&a_job(HttpConfig::default()), &answer, &Hidden::default(), &[418], &detail)
}

#[test]
fn answers_are_classified() {
    for status in [200, 201, 204, 299] {
        assert_eq!(judged(status, "ignored", &[]), Outcome::Delivered);
    }
    for (status, again, cause) in [
        (101, false, Cause::Other),
        (302, false, Cause::Other),
        (400, false, Cause::ClientError),
        (401, false, Cause::AuthError),
        (403, false, Cause::AuthError),
        (404, false, Cause::ClientError),
        (418, true, Cause::ClientError),
        (429, false, Cause::RateLimited),
        (500, true, Cause::ServerError),
        (599, true, Cause::ServerError),
        (600, false, Cause::Other),
    ] {
        let error = alloc::format!("unexpected status code {status}: why");
        let want = if again {
            Outcome::Retry { error, cause, retry_after: None }
        } else {
            Outcome::Fail { error, cause }
        };
        assert_eq!(judged(status, "why", &[]), want);
    }
    let Outcome::Retry { error, .. } = judged(503, "", &[]) else { panic!("retried") };
    assert_eq!(error, "unexpected status code 503");
}

#[test]
fn retry_after_is_honoured_within_its_limit() {
    let wait = |status, value| match judged(status, "", &[("retry-after", value)]) {
        Outcome::Retry { retry_after, .. } => Some(retry_after.map(|wait| wait.as_secs())),
        _ => None,
    };
    assert_eq!(wait(503, "7"), Some(Some(7)));
    assert_eq!(wait(503, "soon"), Some(None));
    assert_eq!(wait(503, "86400"), Some(Some(RETRY_AFTER_MAX.as_secs())));
    // The notification's tick is 2024-03-01T00:00:00Z.
    assert_eq!(wait(503, "Fri, 01 Mar 2024 00:01:30 GMT"), Some(Some(90)));
    assert_eq!(wait(429, "30"), Some(Some(30)));
    assert_eq!(wait(429, "soon"), None);
    assert_eq!(wait(404, "30"), None);
    assert!(RETRY_AFTER_MAX < Duration::from_secs(3600));
}

#[test]
fn transport_errors_are_tried_again_unless_the_request_is_unusable() {
    let job = a_job(HttpConfig::default());
    for (kind, again) in [
        (SendErrorKind::Connection, true),
        (SendErrorKind::Timeout, true),
        (SendErrorKind::Canceled, true),
        (SendErrorKind::Invalid, false),
    ] {
        let message = "dial tcp: connection refused".to_string();
        let error = "Post \"<redacted>\": dial tcp: connection refused".to_string();
        let mut attempt = attempt();
        attempt.step(&job, Fed::Start);
        let Step::Done(got) = attempt.step(&job, Fed::Sent(Err(SendError { kind, message })))
        else {
            panic!("not done")
        };
        let cause = Cause::Other;
        let want = if again {
            Outcome::Retry { error, cause, retry_after: None }
        } else {
            Outcome::Fail { error, cause }
        };
        assert_eq!(got, want);
    }
}

#[test]
fn long_answers_are_cut_in_error_texts() {
    let Outcome::Fail { error, .. } = judged(400, &"é".repeat(5000), &[]) else { panic!("final") };
    assert!(error.ends_with("é…"));
    assert!(error.len() <= "unexpected status code 400: ".len() + ERROR_DETAIL_BYTES_MAX);
}

#[test]
fn harmless_texts_are_not_garbled() {
    let mut hidden = Hidden::default();
    hidden.add("a");
    hidden.add_url("http://h/");
    hidden.add("token");
    hidden.add("token-long");
    assert_eq!(hidden.hide("a / token-long token"), "a / <redacted> <redacted>");
}

proptest! {
    #[test]
    fn shortened_texts_fit(text in "\\PC{0,40}", max in 3usize..40) {
        let short = shorten(text.clone(), max);
        prop_assert!(short.len() <= max);
        prop_assert!(short == text || short.ends_with('…'));
    }

    #[test]
    fn whatever_the_url_the_request_is_sound(url in "(https?://)?\\PC{0,40}") {
        if let Ok(made) = exchange(&url, HttpConfig::default()) {
            prop_assert!(made.url.expose().bytes().all(|b| b.is_ascii_graphic()));
            let again = exchange(made.url.expose(), HttpConfig::default()).expect("still usable");
            prop_assert_eq!(again.url, made.url);
        }
    }
}
