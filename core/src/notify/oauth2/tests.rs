use alloc::{boxed::Box, vec};

use super::*;
use crate::{
    notify::{
        Attempt, Fed, Job, Kind, Outcome, SecretSource, Step,
        fixture::{firing, job, webhook},
        http::{Auth, ProxyConfig},
    },
    schema::Any,
    time::rfc3339::parse_api,
};

fn config() -> OAuth2 {
    OAuth2 {
        client_id: "the id".into(),
        client_secret: Some(SecretSource::Inline(Secret::new("s&cret"))),
        token_url: "http://tokens/t".into(),
        scopes: vec!["a".into(), "b c".into()],
        endpoint_params: vec![("x".into(), "1&".into())],
        ..OAuth2::default()
    }
}

fn of(config: OAuth2) -> Job {
    let http = HttpConfig { auth: Auth::OAuth2(Box::new(config)), ..HttpConfig::default() };
    job(vec![firing("a")], Kind::Webhook(webhook().into()), http)
}

fn at(second: u32) -> Timestamp {
    parse_api("2024-03-01T00:00:00Z").expect("a time").at + Duration::from_secs(second.into())
}

/// An attempt that begins at a second, with what an earlier one has left.
fn attempt(second: u32, earlier: Option<&Attempt>) -> Attempt {
    let memory = earlier.and_then(|it| it.kept().memory.clone()).unwrap_or_default();
    Attempt::new(at(second), 7, Arc::new(memory))
}

fn sent(step: Step) -> Exchange {
    let Step::Send(exchange) = step else { panic!("{step:?}") };
    exchange
}

fn body(exchange: &Exchange) -> &str {
    core::str::from_utf8(&exchange.body).expect("text")
}

fn header<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    exchange.headers.iter().find(|(it, _)| **it == *name).map(|(_, value)| value.expose())
}

fn answer(status: u16, body: &str) -> Fed {
    let headers = [("content-type".into(), "application/json".into())].into();
    Fed::Sent(Ok(Answer { status, headers, body: body.into() }))
}

const TOKEN: &str = r#"{"access_token":"t0ken","token_type":"bearer","expires_in":60}"#;

#[test]
fn a_token_comes_before_the_notification_and_is_used_again() {
    let job = of(config());
    let mut first = attempt(0, None);
    let asked = sent(first.step(&job, Fed::Start));
    assert_eq!((asked.method, asked.url.expose()), ("POST", "http://tokens/t"));
    // the+id:s%26cret
    let pair = STANDARD.encode("the+id:s%26cret");
    assert_eq!(header(&asked, "Authorization"), Some(&*format!("Basic {pair}")));
    assert_eq!(header(&asked, "Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(&asked, "User-Agent"), Some("Alertmanager/0.33.1"));
    assert_eq!(body(&asked), "grant_type=client_credentials&scope=a+b+c&x=1%26");

    let told = sent(first.step(&job, answer(200, TOKEN)));
    assert_eq!(header(&told, "Authorization"), Some("Bearer t0ken"));
    assert!(body(&told).contains("\"receiver\""));
    let Step::Done(Outcome::Delivered) = first.step(&job, answer(200, "")) else { panic!() };

    // Until ten seconds before its end the token is used again.
    let mut second = attempt(49, Some(&first));
    let told = sent(second.step(&job, Fed::Start));
    assert_eq!(header(&told, "Authorization"), Some("Bearer t0ken"));
    let mut late = attempt(50, Some(&first));
    assert_eq!(sent(late.step(&job, Fed::Start)).url.expose(), "http://tokens/t");
    // Another secret needs another token.
    let mut other = config();
    other.client_secret = None;
    let asked = sent(attempt(1, Some(&first)).step(&of(other), Fed::Start));
    assert_eq!(asked.url.expose(), "http://tokens/t");
}

#[test]
fn the_way_to_ask_is_found_out_once() {
    let job = of(config());
    let mut first = attempt(0, None);
    first.step(&job, Fed::Start);
    let again = sent(first.step(&job, answer(401, "{}")));
    assert_eq!(header(&again, "Authorization"), None);
    assert_eq!(
        body(&again),
        "client_id=the+id&client_secret=s%26cret&grant_type=client_credentials&scope=a+b+c&x=1%26"
    );
    sent(first.step(&job, answer(200, TOKEN)));
    first.step(&job, answer(200, ""));
    let mut second = attempt(100, Some(&first));
    assert!(body(&sent(second.step(&job, Fed::Start))).contains("client_secret="));
    // What has worked is not doubted.
    let Step::Done(Outcome::Retry { error, .. }) = second.step(&job, answer(500, "s&cret? no"))
    else {
        panic!()
    };
    assert_eq!(
        error,
        "Post \"<redacted>\": oauth2: cannot fetch token: 500\nResponse: <redacted>? no"
    );
}

#[test]
fn a_token_that_was_taken_back_is_replaced_once() {
    let job = of(config());
    let mut first = attempt(0, None);
    first.step(&job, Fed::Start);
    first.step(&job, answer(200, TOKEN));
    first.step(&job, answer(200, ""));

    let mut second = attempt(1, Some(&first));
    second.step(&job, Fed::Start);
    let asked = sent(second.step(&job, answer(401, "no")));
    assert_eq!(asked.url.expose(), "http://tokens/t");
    let told = sent(second.step(&job, answer(200, &TOKEN.replace("t0ken", "n3wtok"))));
    assert_eq!(header(&told, "Authorization"), Some("Bearer n3wtok"));
    // A fresh one that is refused is refused for good, and is not used again.
    let Step::Done(Outcome::Fail { error, .. }) = second.step(&job, answer(401, "no n3wtok"))
    else {
        panic!()
    };
    assert_eq!(error, "unexpected status code 401: no <redacted>");
    let mut third = attempt(2, Some(&second));
    assert_eq!(sent(third.step(&job, Fed::Start)).url.expose(), "http://tokens/t");
}

#[test]
fn refusals_say_why_and_hide_secrets() {
    let job = of(OAuth2 { client_secret: None, ..config() });
    for (status, text, want) in [
        (400, r#"{"error":"invalid_client","error_description":"no"}"#, r#""invalid_client" "no""#),
        (200, r#"{"error":"x","access_token":"t"}"#, "\"x\""),
        (200, "{}", "server response missing access_token"),
        (200, "<html>", "cannot parse json: the answer is no JSON object"),
        (503, "", "cannot fetch token: 503\nResponse: "),
        (200, r#"{"access_token":"a\nb"}"#, "the access_token holds control characters"),
    ] {
        let mut attempt = attempt(0, None);
        attempt.step(&job, Fed::Start);
        sent(attempt.step(&job, answer(status, text)));
        let Step::Done(Outcome::Retry { error, .. }) = attempt.step(&job, answer(status, text))
        else {
            panic!("{text}")
        };
        assert_eq!(error, format!("Post \"<redacted>\": oauth2: {want}"));
    }
    let mut attempt = attempt(0, None);
    attempt.step(&job, Fed::Start);
    let error = SendError { kind: SendErrorKind::Connection, message: "connect: refused".into() };
    let Step::Done(Outcome::Retry { error, .. }) = attempt.step(&job, Fed::Sent(Err(error))) else {
        panic!()
    };
    assert_eq!(error, "Post \"<redacted>\": connect: refused");
}

#[test]
fn answers_of_many_servers_are_understood() {
    let read = |kind: &str, body: &str| {
        let headers = [("content-type".into(), kind.into())].into();
        parse(&Answer { status: 200, headers, body: body.into() })
            .map(|token| (token.value, token.seconds))
    };
    let is = |value: &str, seconds| Ok((value.to_string(), seconds));
    let json = "application/json; charset=utf-8";
    assert_eq!(read(json, r#"{"access_token":"t"}"#), is("Bearer t", 0));
    assert_eq!(
        read("", r#"{"access_token":"t","token_type":"BEARER","expires_in":"7"}"#),
        is("Bearer t", 7)
    );
    assert_eq!(
        read(json, r#"{"access_token":"t","token_type":"DPoP","expires_in":7.9}"#),
        is("DPoP t", 7)
    );
    assert_eq!(
        read("text/plain", "access_token=a%2Bb&expires_in=9&token_type=mac"),
        is("MAC a+b", 9)
    );
}

#[test]
fn impossible_requests_end_at_once() {
    for config in [
        OAuth2 { token_url: "s3cret".into(), ..config() },
        OAuth2 { endpoint_params: vec![("scope".into(), "s3cret".into())], ..config() },
        OAuth2 {
            proxy: ProxyConfig { url: Some(Secret::new("ftp://s3cret")), ..Default::default() },
            ..config()
        },
    ] {
        let Step::Done(Outcome::Fail { error, .. }) =
            attempt(0, None).step(&of(config), Fed::Start)
        else {
            panic!()
        };
        assert!(error.starts_with("Post \"<redacted>\": ") && !error.contains("s3cret"), "{error}");
    }
    let mut other = config();
    other.endpoint_params = vec![("grant_type".into(), "password".into())];
    let asked = sent(attempt(0, None).step(&of(other), Fed::Start));
    assert!(body(&asked).starts_with("grant_type=password&"));
}

#[test]
fn assertions_are_signed_outside() {
    let map = |entries: &[(&str, Any)]| {
        Any::Map(entries.iter().map(|(name, value)| (Any::text(name), value.clone())).collect())
    };
    let config = OAuth2 {
        grant_type: JWT_BEARER.into(),
        key_id: "kid".into(),
        key: Some(SecretSource::Inline(Secret::new("PEM"))),
        claims: map(&[("own", Any::Int(1)), ("sub", Any::text("me"))]),
        ..config()
    };
    let job = of(config);
    let asked = sent(attempt(0, None).step(&job, Fed::Start));
    assert!(!format!("{asked:?}").contains("PEM"));
    assert_eq!(header(&asked, "Authorization"), None);
    let signed = asked
        .signed(|signing| {
            assert_eq!((&*signing.algorithm, signing.key.expose()), ("RS256", "PEM"));
            Ok(b"\xff\xfe".to_vec())
        })
        .expect("signed");
    let text = body(&signed);
    let rest = text.strip_prefix("assertion=").expect("first");
    let (assertion, rest) = rest.split_once('&').expect("more");
    assert!(rest.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"));
    assert!(rest.ends_with("&scope=a+b+c&x=1%26"), "{rest}");
    let parts: Vec<&str> = assertion.split('.').collect();
    let json = |part: &str| -> Json {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    assert_eq!(json(parts[0]), json!({"alg": "RS256", "kid": "kid", "typ": "JWT"}));
    let mut claims = json(parts[1]);
    let id = claims.as_object_mut().and_then(|it| it.remove("jti")).expect("an id");
    assert_eq!(id.as_str().map(str::len), Some(36));
    assert_eq!(
        claims,
        json!({
            "iss": "the id", "sub": "me", "aud": "http://tokens/t", "scope": "a b c", "own": 1,
            "iat": 1_709_251_200, "exp": 1_709_251_800,
        })
    );
    assert_eq!(parts[2], "__4");

    let asked = sent(attempt(0, None).step(&job, Fed::Start));
    let error = asked.signed(|_| Err("no key".into())).expect_err("unsigned");
    assert_eq!(error.message, "oauth2: cannot sign the assertion: no key");
}
