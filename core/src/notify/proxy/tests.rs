use alloc::{collections::BTreeMap, vec};

use super::*;
use crate::notify::{
    Exchange, HttpConfig, SendError,
    way::{Tunnel, TunnelStep},
};

fn config(url: &str, no_proxy: &str) -> ProxyConfig {
    ProxyConfig { url: Some(Secret::new(url)), no_proxy: no_proxy.into(), ..ProxyConfig::default() }
}

fn proxies(url: &str, no_proxy: &str) -> Proxies {
    Proxies::new(&config(url, no_proxy), &Environment::new()).expect("usable")
}

fn exchange(url: &str, proxies: Proxies) -> Exchange {
    Exchange {
        method: "POST",
        url: Secret::new(url),
        headers: Vec::new(),
        body: Arc::from(&b""[..]),
        timeout: None,
        http: Arc::new(HttpConfig::default()),
        proxies: Arc::new(proxies),
        reads_answer: false,
        signing: None,
        gzip: false,
    }
}

/// Whether a URL is reached through the proxy.
fn through(no_proxy: &str, url: &str) -> bool {
    exchange(url, proxies("http://proxy:3128", no_proxy)).way().expect("usable").proxy.is_some()
}

#[test]
fn without_exceptions_everything_goes_through() {
    let all = proxies("http://proxy", "");
    for url in ["http://127.0.0.1/", "https://localhost:1/", "http://h/"] {
        assert!(exchange(url, all.clone()).way().expect("usable").proxy.is_some(), "{url}");
    }
    for none in [Proxies::default(), proxies("", "")] {
        assert!(exchange("http://h/", none).way().expect("usable").proxy.is_none());
    }
}

#[test]
fn with_a_list_of_exceptions_this_host_is_one() {
    for url in ["http://127.0.0.1/", "http://127.9.9.9/", "https://localhost:1/", "http://[::1]/"] {
        assert!(!through("elsewhere", url), "{url}");
    }
    assert!(through("elsewhere", "http://localhost.x/") && through(" , ,", "http://h/"));
}

#[test]
fn exceptions_by_name_address_and_port() {
    for (list, url, direct) in [
        ("*", "http://h/", true),
        ("a, *", "http://h/", true),
        ("Example.com", "https://EXAMPLE.com/", true),
        ("example.com", "https://x.y.example.com/", true),
        ("example.com", "https://xexample.com/", false),
        (".example.com", "https://x.example.com/", true),
        (".example.com", "https://example.com/", false),
        ("*.example.com", "https://x.example.com/", true),
        ("*.example.com", "https://example.com/", false),
        ("example.com:8443", "https://example.com:8443/", true),
        ("example.com:8443", "https://example.com/", false),
        ("example.com:443", "https://example.com/", true),
        ("h:80", "http://h/", true),
        ("h:x", "http://h/", false),
        ("10.0.0.1", "http://10.0.0.1:99/", true),
        ("10.0.0.1:99", "http://10.0.0.1:99/", true),
        ("10.0.0.1:98", "http://10.0.0.1:99/", false),
        ("10.0.0.0/8", "http://10.200.0.1/", true),
        ("10.0.0.0/8", "http://11.0.0.1/", false),
        ("0.0.0.0/0", "http://11.0.0.1/", true),
        ("0.0.0.0/0", "http://h/", false),
        ("10.0.0.0/33", "http://10.0.0.1/", false),
        ("fd00::/8", "http://[fd12::1]/", true),
        ("fd12::1", "http://[fd12::1]/", true),
        ("[fd12::1]:80", "http://[fd12::1]/", true),
        ("[fd12::1]:81", "http://[fd12::1]/", false),
        ("::ffff:10.0.0.1", "http://10.0.0.1/", true),
        (":80", "http://h/", false),
        ("a,b,h", "http://h/", true),
    ] {
        assert_eq!(!through(list, url), direct, "{list} {url}");
    }
}

#[test]
fn the_environment_names_a_proxy_for_each_scheme() {
    let environment: Environment = [
        ("HTTP_PROXY", "plain.local:1"),
        ("http_proxy", "ignored:9"),
        ("https_proxy", "https://u:p%40@tls.local"),
        ("NO_PROXY", "direct.local"),
    ]
    .map(|(name, value)| (name.into(), Secret::new(value)))
    .into();
    let config = ProxyConfig { from_environment: true, ..ProxyConfig::default() };
    let proxies = Proxies::new(&config, &environment).expect("usable");
    let proxy = |https| proxies.of(https, "h", 80).map(|it| (it.kind, &*it.host, it.port));
    assert_eq!(proxy(false), Some((ProxyKind::Http, "plain.local", 1)));
    assert_eq!(proxy(true), Some((ProxyKind::Https, "tls.local", 443)));
    assert!(proxies.of(true, "direct.local", 443).is_none());
    assert!(proxies.of(true, "localhost", 443).is_none());
    let authorization = proxies.https.as_ref().and_then(|it| it.authorization());
    assert_eq!(authorization.as_ref().map(Secret::expose), Some("Basic dTpwQA=="));
    assert!(proxies.secrets().any(|secret| secret == "p@"));
    // What is not asked for is not looked at.
    let none = Proxies::new(&ProxyConfig::default(), &environment).expect("usable");
    assert!(none.of(true, "h", 443).is_none());
    let empty = Proxies::new(&config, &BTreeMap::new()).expect("usable");
    assert!(empty.of(false, "h", 80).is_none());
}

#[test]
fn unusable_proxies_are_refused_in_silence_about_them() {
    for url in ["s3cret", "ftp://s3cret", "http://s3cret:x", "http://u:s3cret@", "http://"] {
        let error = Proxies::new(&config(url, ""), &Environment::new()).expect_err(url);
        assert!(!error.contains("s3cret"), "{error}");
    }
    let mut bad = config("http://h", "");
    bad.connect_header = vec![("X".into(), vec![Secret::new("s3cret\r\n")])];
    assert!(Proxies::new(&bad, &Environment::new()).is_err());
    assert!(!format!("{:?}", proxies("http://u:s3cret@h", "")).contains("s3cret"));
}

#[test]
fn ways_say_what_goes_where() {
    let way = |url: &str, proxy: &str| exchange(url, proxies(proxy, "")).way().expect("usable");
    let direct = way("HTTPS://h:8443?q#f", "");
    assert_eq!((direct.dial(), &*direct.target(), direct.needs_tls()), (("h", 8443), "/?q", true));
    assert!(direct.tunnel().is_none() && direct.proxy_authorization().is_none());

    let relayed = way("http://[::1]/a", "http://u:p@proxy:1");
    assert_eq!((relayed.dial(), &*relayed.target()), (("proxy", 1), "http://[::1]/a"));
    let authorization = relayed.proxy_authorization();
    assert_eq!(authorization.as_ref().map(Secret::expose), Some("Basic dTpw"));
    assert!(relayed.tunnel().is_none() && !relayed.needs_tls());
    assert_eq!(relayed.peer(), way("http://other/", "http://u:p@proxy:1").peer());
    assert_ne!(relayed.peer(), way("http://other/", "http://u:q@proxy:1").peer());

    let tunnelled = way("https://h/a", "https://proxy");
    assert_eq!((tunnelled.dial(), tunnelled.proxy_tls()), (("proxy", 443), Some("proxy")));
    assert_eq!((&*tunnelled.target(), tunnelled.proxy_authorization()), ("/a", None));
    assert!(tunnelled.tunnel().is_some());
    assert_ne!(tunnelled.peer(), way("https://other/a", "https://proxy").peer());
    assert!(way("http://h/", "socks5://proxy").tunnel().is_some());
    assert_eq!(way("http://h/", "socks5h://proxy").dial(), ("proxy", 1080));
    for bad in ["", "h/p", "ftp://h/", "http:///p", "http://h:99999/"] {
        assert!(exchange(bad, Proxies::default()).way().is_err(), "{bad}");
    }
}

fn tunnel(proxy: &ProxyConfig, url: &str) -> Tunnel {
    let proxies = Proxies::new(proxy, &Environment::new()).expect("usable");
    exchange(url, proxies).way().expect("usable").tunnel().expect("one is needed")
}

/// What is written in answer to each piece that is heard.
fn talk(mut tunnel: Tunnel, heard: &[&[u8]]) -> Result<Vec<TunnelStep>, SendError> {
    core::iter::once(&&b""[..]).chain(heard).map(|heard| tunnel.step(heard)).collect()
}

#[test]
fn connect_asks_as_go_does() {
    let mut config = config("http://u:p@proxy", "");
    let line = |name: &str, value: &str| (Arc::from(name), vec![Secret::new(value)]);
    config.connect_header = vec![line("X-A", "1"), line("proxy-authorization", "replaced")];
    let steps = talk(
        tunnel(&config, "https://h/secret"),
        &[b"HTTP/1.0 200 Yes\r\n", b"Via: x\r\n\r", b"\n"],
    );
    let request = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nUser-Agent: Go-http-client/1.1\r\n\
                   X-A: 1\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
    let write = TunnelStep::Write(request.into());
    assert_eq!(steps, Ok(vec![write, TunnelStep::Read, TunnelStep::Read, TunnelStep::Open]));
}

#[test]
fn connect_may_be_refused() {
    let config = config("http://proxy", "");
    for (answer, want) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "Proxy Authentication Required"),
        ("HTTP/1.1 502\r\n\r\n", "unknown status code"),
        ("SSH-2.0-x\r\n\r\n", "proxyconnect tcp: malformed HTTP response"),
        (&*"x".repeat(20_000), "proxyconnect tcp: the proxy's answer is too long"),
    ] {
        let error = talk(tunnel(&config, "https://[::1]/"), &[answer.as_bytes()]);
        assert_eq!(error.expect_err("refused").message, want);
    }
}

#[test]
fn socks_with_and_without_a_name() {
    let steps = talk(
        tunnel(&config("socks5://proxy", ""), "https://h/"),
        &[&[5], &[0], &[], &[5, 0], &[0, 3, 1, b'x', 0], &[0]],
    )
    .expect("open");
    assert_eq!(steps[0], TunnelStep::Write(vec![5, 1, 0]));
    assert_eq!(steps[2], TunnelStep::Write(vec![5, 1, 0, 3, 1, b'h', 1, 187]));
    assert_eq!(steps[4..], [TunnelStep::Read, TunnelStep::Read, TunnelStep::Open]);

    let steps = talk(
        tunnel(&config("socks5://u:pw@proxy", ""), "http://1.2.3.4:5/"),
        &[&[5, 2], &[1, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]],
    )
    .expect("open");
    assert_eq!(steps[0], TunnelStep::Write(vec![5, 2, 0, 2]));
    assert_eq!(steps[1], TunnelStep::Write(vec![1, 1, b'u', 2, b'p', b'w']));
    assert_eq!(steps[2], TunnelStep::Write(vec![5, 1, 0, 1, 1, 2, 3, 4, 0, 5]));
    assert_eq!(steps[3], TunnelStep::Open);

    for (heard, want) in [
        (&[&[5, 255][..]][..], "no acceptable authentication methods"),
        (&[b"HT"], "unexpected protocol version"),
        (&[&[5, 2], &[1, 1]], "username/password authentication failed"),
        (&[&[5, 0], &[5, 5, 0, 1]], "unknown error connection refused"),
    ] {
        let error = talk(tunnel(&config("socks5://u:p@proxy", ""), "http://h/"), heard);
        assert!(error.expect_err("refused").message.ends_with(want), "{want}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_that_a_proxy_says_panics(
        socks: bool,
        heard in proptest::collection::vec(proptest::collection::vec(0u8..9, 0..6), 0..6),
        list in ".{0,30}",
    ) {
        let url = if socks { "socks5://u:p@proxy" } else { "http://proxy" };
        let mut tunnel = tunnel(&config(url, ""), "https://h/");
        for heard in core::iter::once(&Vec::new()).chain(&heard) {
            if tunnel.step(heard).is_err() {
                break;
            }
        }
        through(&list, "http://h/");
    }
}
