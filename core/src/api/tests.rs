use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use proptest::prelude::*;

use super::*;
use crate::{
    cli::{Features, resolve_external_url},
    silence::NotFound,
};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn site_at(url: &str) -> Site {
    let options = Options { web_external_url: Some(url.to_owned()), ..Options::default() };
    let external = resolve_external_url(&options, "host", 9093).expect("a valid URL");
    Site::new(&options, &external, 4)
}

fn site() -> Site {
    site_at("http://localhost:9093/")
}

fn head<'a>(
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'static str, &'static str)],
) -> Head<'a> {
    Head { method, target, headers }
}

/// Sends a request that must be answered at once.
fn send(site: &Site, head: &Head<'_>, body: &[u8]) -> Response {
    match site.admit(head) {
        Admit::Respond(response) => response,
        Admit::Read { .. } => match site.handle(head, body).action {
            Action::Respond(response) => response,
            action => panic!("{} {}: {action:?}", head.method, head.target),
        },
    }
}

fn get(target: &str) -> Response {
    send(&site(), &head("GET", target, &[]), b"")
}

fn post(target: &str, body: &str) -> Response {
    send(&site(), &head("POST", target, &[JSON, ("Content-Length", "1")]), body.as_bytes())
}

fn text(response: &Response) -> &str {
    core::str::from_utf8(&response.body).expect("UTF-8")
}

fn value<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| &**value)
}

#[test]
fn posts_are_refused_with_alertmanagers_bodies() {
    let alerts = "/api/v2/alerts";
    let silences = "/api/v2/silences";
    let silence = |fields: &str| {
        format!(
            "{{\"comment\":\"\",\"createdBy\":\"\",\"startsAt\":\"2030-01-01T00:00:00Z\",\
             \"endsAt\":\"2031-01-01T00:00:00Z\",{fields}}}"
        )
    };
    let object = |code: u16, message: &str| format!("{{\"code\":{code},\"message\":{message}}}");
    let parse = |body: &str, why: &str| {
        object(400, &format!("\"parsing {body} body from \\\"\\\" failed, because {why}\""))
    };
    let rows: Vec<(&str, String, u16, String)> = [
        (alerts, "", 422, object(602, "\"alerts in body is required\"")),
        (alerts, " \n", 422, object(602, "\"alerts in body is required\"")),
        (alerts, "[{}]", 422, object(602, "\"0.labels in body is required\"")),
        (alerts, r#"[{"labels":null}]"#, 422, object(602, "\"0.labels in body is required\"")),
        (
            alerts,
            r#"[{"labels":{"a":"b"}},{"generatorURL":"foo"}]"#,
            422,
            object(601, r#""1.generatorURL in body must be of type uri: \"foo\"""#),
        ),
        (alerts, "[{}", 400, parse("alerts", "unexpected EOF")),
        (
            alerts,
            "[{},]",
            400,
            parse("alerts", "invalid character ']' looking for beginning of value"),
        ),
        (
            alerts,
            "{}",
            400,
            parse(
                "alerts",
                "json: cannot unmarshal object into Go value of type models.PostableAlerts",
            ),
        ),
        (
            alerts,
            r#"[{"labels":{"a":1}}]"#,
            400,
            parse(
                "alerts",
                "json: cannot unmarshal number into Go struct field Alert.labels of type string",
            ),
        ),
        (alerts, "[null]", 400, parse("alerts", "alert 0 is null")),
        (silences, "", 422, object(602, "\"silence in body is required\"")),
        (silences, "{}", 422, object(602, "\"comment in body is required\"")),
        (silences, "null", 422, object(602, "\"comment in body is required\"")),
        (
            silences,
            r#"{"Comment":"","createdby":"","endsAt":"","matchers":[{"name":"a","value":"b"}]}"#,
            422,
            object(602, "\"matchers.0.isRegex in body is required\""),
        ),
        (silences, r#"{"matchers":[null]}"#, 400, parse("silence", "matcher 0 is null")),
    ]
    .into_iter()
    .map(|(path, body, status, want)| (path, body.to_string(), status, want))
    .chain([
        (
            silences,
            silence("\"matchers\":[]"),
            422,
            object(612, "\"matchers in body should have at least 1 items\""),
        ),
        (
            silences,
            silence(
                r#""matchers":[{"name":"a","value":"[","isRegex":true}],"endsAt":"2000-01-01""#,
            ),
            400,
            "\"Failed to create silence: start time must be before end time\"\n".to_owned(),
        ),
    ])
    .collect();
    for (path, body, status, want) in rows {
        let response = post(path, &body);
        assert_eq!((response.status, text(&response)), (status, &*want), "{path} {body}");
        assert_eq!(value(&response, "Content-Type"), Some("application/json"));
        assert_eq!(value(&response, "Cache-Control"), Some("no-store"));
        assert_eq!(response.handler, path);
    }
    let body = silence(r#""matchers":[{"name":"a","value":"[","isRegex":true}]"#);
    let response = post(silences, &body);
    let begin = "\"invalid silence: invalid label matcher 0: invalid regular expression \\\"[\\\"";
    assert!(response.status == 400 && text(&response).starts_with(begin), "{}", text(&response));
    let bad_time = post(alerts, r#"[{"labels":{},"startsAt":"x"}]"#);
    assert!(text(&bad_time).contains("parsing time"), "{}", text(&bad_time));
}

#[test]
fn files_of_pages_are_sent_when_they_changed() {
    let asset = crate::ui::asset("app.js").expect("it is there");
    let whole = page::asset(asset);
    assert!(whole.status == 200 && whole.body.starts_with(b"//"));
    let tag = value(&whole, "ETag").expect("it has one");
    let ask = |tag: &str| {
        let headers = [("If-None-Match", tag)];
        let head = Head { method: "GET", target: "/assets/app.js", headers: &headers };
        site().handle(&head, b"").action
    };
    assert!(matches!(ask(tag), Action::Respond(known) if known.status == 304));
    assert!(matches!(ask("W/\"other\""), Action::Query(_)));
}

#[test]
fn gets_are_refused_with_alertmanagers_bodies() {
    for (target, status, want) in [
        ("/api/v2/alerts?filter=foo", 400, "\"bad matcher format: foo\"\n"),
        ("/api/v2/alerts/groups?filter=foo", 400, "\"bad matcher format: foo\"\n"),
        ("/api/v2/silences?filter=a=b&filter=foo", 400, "\"bad matcher format: foo\"\n"),
        (
            "/api/v2/receivers?receiver_matchers=foo",
            400,
            "\"failed to parse receiver_matchers param: bad matcher format: foo\"\n",
        ),
        ("/api/v2/alerts?filter=%7Ba=b", 400, "\"unexpected open or close brace: {a=b\"\n"),
        (
            "/api/v2/silence/zzz",
            422,
            r#"{"code":601,"message":"silenceID in path must be of type uuid: \"zzz\""}"#,
        ),
        (
            "/api/v2/silence/",
            404,
            r#"{"code":404,"message":"path /api/v2/silence/ was not found"}"#,
        ),
        ("/api/v2/nope", 404, r#"{"code":404,"message":"path /api/v2/nope was not found"}"#),
        ("/nope", 404, "404 page not found\n"),
        ("/debug/pprof/", 404, "404 page not found\n"),
        ("/api/v1/nope", 404, "404 page not found\n"),
    ] {
        let response = get(target);
        assert_eq!((response.status, text(&response)), (status, want), "{target}");
    }
    let response = get("/api/v2/alerts?receiver=[");
    let begin = "\"failed to parse receiver param: error parsing regexp: ";
    assert!(response.status == 400 && text(&response).starts_with(begin), "{}", text(&response));
    let v1 = get("/api/v1/silence/x");
    assert!(v1.status == 410 && text(&v1).starts_with("{\"status\":\"deprecated\",\"error\":\""));
    assert_eq!(text(&v1).chars().last(), Some('\n'));
    assert_eq!(get("/assets/nope").status, 404);
    assert_eq!(text(&get("/-/healthy")), "OK");
    assert_eq!(text(&get("/-/ready")), "OK");
}

#[test]
fn methods_media_types_and_sizes() {
    let site = site();
    let text_type = [("content-type", "text/plain; x=y"), ("content-length", "2")];
    let html = [("accept", "text/html")];
    let long = [JSON, ("content-length", "999999999")];
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);
    let rows: [Row<'_>; 9] = [
        (
            "POST",
            "/api/v2/alerts",
            &text_type,
            415,
            r#"{"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"}"#,
        ),
        (
            "POST",
            "/api/v2/alerts",
            &[("content-length", "2")],
            415,
            r#"{"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#,
        ),
        (
            "GET",
            "/api/v2/status",
            &html,
            406,
            r#"{"code":406,"message":"unsupported media type requested, only [application/json] are available"}"#,
        ),
        (
            "PUT",
            "/api/v2/alerts",
            &[],
            405,
            r#"{"code":405,"message":"method PUT is not allowed, but [GET,POST] are"}"#,
        ),
        (
            "HEAD",
            "/api/v2/status",
            &[],
            405,
            r#"{"code":405,"message":"method HEAD is not allowed, but [GET] are"}"#,
        ),
        (
            "POST",
            "/api/v2/alerts",
            &long,
            413,
            r#"{"code":413,"message":"the request body is too large"}"#,
        ),
        ("GET", "/-/reload", &[], 405, "Method Not Allowed\n"),
        ("HEAD", "/", &[], 405, "Method Not Allowed\n"),
        ("OPTIONS", "/-/reload", &[], 200, ""),
    ];
    for (method, target, headers, status, want) in rows {
        let response = send(&site, &Head { method, target, headers }, b"");
        assert_eq!((response.status, text(&response)), (status, want), "{method} {target}");
    }
    let allow = |method, target| {
        let response = send(&site, &head(method, target, &[]), b"");
        value(&response, "Allow").map(str::to_owned)
    };
    assert_eq!(allow("GET", "/-/reload").as_deref(), Some("OPTIONS, POST"));
    assert_eq!(allow("PUT", "/-/ready").as_deref(), Some("GET, HEAD, OPTIONS"));
    assert_eq!(allow("OPTIONS", "/api/v2/silence/x").as_deref(), Some("DELETE,GET"));
    assert_eq!(allow("PUT", "/nope"), None);
}

#[test]
fn other_origins() {
    let site = site();
    let origin = ("Origin", "http://x");
    let response = send(&site, &head("GET", "/api/v2/nope", &[origin]), b"");
    assert_eq!(value(&response, "Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(value(&response, "Vary"), Some("Origin"));
    let ask = |method, headers| {
        let all = [
            origin,
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", headers),
        ];
        let response = send(&site, &head("OPTIONS", "/api/v2/silences", &all), b"");
        assert_eq!(response.status, 204);
        assert_eq!(value(&response, "Cache-Control"), None);
        value(&response, "Access-Control-Allow-Methods").map(str::to_owned)
    };
    assert_eq!(ask("POST", "Content-Type").as_deref(), Some("POST"));
    assert_eq!(ask("POST", "x-secret"), None);
    assert_eq!(ask("DELETE", ""), None);
}

#[test]
fn redirects_lead_to_the_canonical_path() {
    let root = site();
    let am = site_at("http://h/am/");
    for (site, target, status, location) in [
        (&root, "//metrics?x=1", 301, "/metrics?x=1"),
        (&root, "/metrics/", 301, "/metrics"),
        (&root, "/METRICS", 301, "/metrics"),
        (&root, "/api/v2", 301, "/api/v2/"),
        (&root, "/a%20b/../-/Ready", 301, "/-/Ready"),
        (&am, "/", 302, "/am"),
        (&am, "/am", 301, "/am/"),
        (&am, "/am/api/v2", 301, "/am/api/v2/"),
        (&am, "/am/-/healthy/", 301, "/am/-/healthy"),
    ] {
        let response = send(site, &head("GET", target, &[]), b"");
        assert_eq!((response.status, value(&response, "Location")), (status, Some(location)));
    }
    for target in ["/metrics", "/amx", "/api/v2/status"] {
        assert_eq!(send(&am, &head("GET", target, &[]), b"").status, 404, "{target}");
    }
    assert_eq!(text(&send(&am, &head("GET", "/am/-/ready", &[]), b"")), "OK");
    let missing = send(&am, &head("GET", "/am/api/v2/x", &[]), b"");
    assert!(text(&missing).contains("path /api/v2/x was not found"));
}

#[test]
fn answers_of_calls() {
    let site = site();
    let alerts = head("POST", "/api/v2/alerts", &[]);
    let answer = |reply| {
        let response = site.reply(&alerts, reply);
        (response.status, text(&response).to_owned())
    };
    assert_eq!(answer(Reply::AlertsPosted(Vec::new())), (200, String::new()));
    let errors = ["a<b".to_string(), "c\"".to_string()].to_vec();
    assert_eq!(answer(Reply::AlertsPosted(errors)), (400, "\"a<b\\nc\\\"\"\n".to_owned()));
    assert_eq!(
        answer(Reply::SilencePut(Ok(Id::from("x-1")))),
        (200, "{\"silenceID\":\"x-1\"}\n".to_owned())
    );
    assert_eq!(
        answer(Reply::SilencePut(Err(SetError::NotFound))),
        (404, "\"silence not found\"\n".to_owned())
    );
    assert_eq!(
        answer(Reply::SilencePut(Err(SetError::TooMany { count: 3, limit: 2 }))),
        (400, "\"exceeded maximum number of silences: 3 (limit: 2)\"\n".to_owned())
    );
    assert_eq!(answer(Reply::SilenceExpired(Err(NotFound))), (404, String::new()));
    assert_eq!(answer(Reply::Reloaded(Ok(()))), (200, String::new()));
    assert_eq!(
        answer(Reply::Reloaded(Err("x".to_owned()))),
        (500, "failed to reload config: x\n".to_owned())
    );
    let timed = Site { timeout: Some(Duration::from_secs(5)), ..site.clone() };
    assert_eq!(text(&timed.timed_out()), "Exceeded configured timeout of 5s.\n");
    assert_eq!(
        text(&site.gate_full()),
        "Limit of concurrent GET requests reached (8), try again later.\n\n"
    );
}

#[test]
fn what_deserves_a_line_in_the_log() {
    let handled = site().handle(&head("GET", "/api/v2/alerts?filter=a%3Db+c", &[]), b"");
    assert!(matches!(&*handled.events, [Event::MatcherWarning { input, .. }] if input == "a=b c"));
    let handled = site().handle(&head("GET", "/api/v1/status", &[]), b"");
    assert!(matches!(&*handled.events, [Event::ApiV1Used { .. }]));
    let handled = site().handle(&head("POST", "/api/v2/alerts", &[]), b"[");
    assert!(matches!(&*handled.events, [Event::RequestRefused { code: 400, .. }]));
}

#[test]
fn modes_come_from_the_features() {
    let options = Options {
        features: Features { classic_mode: true, ..Features::default() },
        web_timeout: Some(Duration::ZERO),
        ..Options::default()
    };
    let external = resolve_external_url(&options, "host", 9093).expect("a valid URL");
    let site = Site::new(&options, &external, 64);
    assert_eq!((site.mode, site.get_max(), site.timeout()), (Mode::Classic, 64, None));
}

const TARGETS: [&str; 12] = [
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/silences",
    "/api/v2/silence/c2b1a0f0-0000-4000-8000-000000000000",
    "/api/v2/receivers",
    "/api/v2/status",
    "/-/reload",
    "/",
    "/metrics?name[]=",
    "/api/v1/alerts",
    "//%zz",
    "http://h/api/v2/alerts?filter=",
];

proptest! {
    #[test]
    fn no_request_panics(
        method in proptest::sample::select(&["GET", "POST", "DELETE", "OPTIONS", "HEAD", "x"][..]),
        target in proptest::sample::select(&TARGETS[..]),
        more in "[a-z?&=%{}\"~!,/.;+\\[\\]0-9]{0,16}|\\PC{0,8}",
        body in proptest::collection::vec(any::<u8>(), 0..40),
        prefix in proptest::sample::select(&["http://h", "http://h/a/b"][..]),
    ) {
        let site = site_at(prefix);
        let target = format!("{target}{more}");
        let head = Head { method, target: &target, headers: &[JSON] };
        let _ = site.admit(&head);
        let handled = site.handle(&head, &body);
        if let Action::Respond(response) = handled.action {
            let known = response.handler.is_empty()
                || crate::metrics::handler_label(&response.handler).is_some();
            prop_assert!(known, "{}", response.handler);
            for (_, value) in &response.headers {
                prop_assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)), "{value}");
            }
        }
    }
}

/// The paths and methods of the description, read by its indentation.
fn described() -> Vec<(String, String)> {
    let (mut path, mut found) = (String::new(), Vec::new());
    let description = get("/api/v2/openapi.yaml");
    for line in text(&description).lines() {
        let name = line.trim_start().trim_end_matches(':');
        match line.len() - line.trim_start().len() {
            2 if name.starts_with('/') => path = format!("/api/v2{name}"),
            4 if ["get", "post", "put", "delete"].contains(&name) => {
                found.push((path.clone(), name.to_uppercase()));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_description_has_every_operation_and_no_other() {
    let response = get("/api/v2/openapi.yaml");
    assert_eq!(
        (response.status, value(&response, "Content-Type")),
        (200, Some("application/yaml"))
    );
    let mut described = described();
    described.sort();
    // A new operation has no place here until it is written down.
    let place = |operation| match operation {
        Operation::Status => ("/api/v2/status", "GET"),
        Operation::Receivers => ("/api/v2/receivers", "GET"),
        Operation::Alerts => ("/api/v2/alerts", "GET"),
        Operation::PostAlerts => ("/api/v2/alerts", "POST"),
        Operation::Groups => ("/api/v2/alerts/groups", "GET"),
        Operation::Silences => ("/api/v2/silences", "GET"),
        Operation::PostSilence => ("/api/v2/silences", "POST"),
        Operation::Silence => ("/api/v2/silence/{silenceID}", "GET"),
        Operation::ExpireSilence => ("/api/v2/silence/{silenceID}", "DELETE"),
        Operation::Explain => ("/api/v2/alerts/{fingerprint}/explain", "GET"),
    };
    let all = [
        Operation::Status,
        Operation::Receivers,
        Operation::Alerts,
        Operation::PostAlerts,
        Operation::Groups,
        Operation::Silences,
        Operation::PostSilence,
        Operation::Silence,
        Operation::ExpireSilence,
        Operation::Explain,
    ];
    let mut routed: Vec<(String, String)> =
        all.map(place).map(|(path, method)| (path.to_owned(), method.to_owned())).into();
    routed.push(("/api/v2/openapi.yaml".to_owned(), "GET".to_owned()));
    routed.sort();
    assert_eq!(described, routed);
    for (path, method) in &described {
        let target = path
            .replace("{silenceID}", "00000000-0000-4000-8000-000000000000")
            .replace("{fingerprint}", "0011223344556677");
        let answer = |method: &str| route("/", &head(method, &target, &[])).map(|it| it.handler);
        assert_eq!(answer(method).ok(), Some(&**path), "{method}");
        // All methods that are not described are refused.
        let others = ["GET", "POST", "PUT", "DELETE", "HEAD"].into_iter();
        let has = |it: &&str| described.contains(&(path.clone(), (*it).to_owned()));
        for other in others.filter(|it| !has(it)) {
            assert_eq!(answer(other).map_err(|it| it.status), Err(405), "{other} {target}");
        }
    }
}
