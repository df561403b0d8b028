//! What is sent to servers, and servers that misbehave.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::Desk;

/// A server that gives one answer to all requests, and tells what it was asked.
fn answering(answer: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).ok();
        String::from_utf8_lossy(&head).into_owned()
    });
    (url, asked)
}

fn http_answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

#[test]
fn credentials_and_headers_are_sent() {
    let desk = Desk::new();
    let ask = |url: &str, more: &[&str]| {
        let (server, asked) = answering(http_answer("200 OK", "", "[]"));
        let url = url.replace("SERVER", server.trim_start_matches("http://"));
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&[url.as_str(), "--no-version-check"], more, &["alert"]].concat());
        (did, asked.join().expect("it answers"))
    };
    let (did, head) = ask("http://me:p%40ss@SERVER/pre/fix/", &[]);
    assert_eq!((did.code, did.err.as_str()), (0, ""));
    assert!(head.starts_with("GET /pre/fix/api/v2/alerts?active=true&"), "{head}");
    assert!(head.to_lowercase().contains("authorization: basic bwu6cebzcw=="), "{head}");
    let path = desk.folder.path().join("http.yml");
    fs::write(desk.folder.path().join("token"), "t0ken\n").expect("the folder is ours");
    fs::write(
        &path,
        "authorization: {credentials_file: token}\nhttp_headers: {X-Scope: {values: [a, b]}}\n",
    )
    .expect("the folder is ours");
    let flag = format!("--http.config.file={}", path.display());
    let (did, head) = ask("http://SERVER", &[&flag]);
    assert_eq!((did.code, did.err.as_str()), (0, ""));
    let head = head.to_lowercase();
    assert!(head.contains("authorization: bearer t0ken\r\n"), "{head}");
    assert!(head.contains("x-scope: a\r\n") && head.contains("x-scope: b\r\n"), "{head}");
    let refused = |text: &str, url: &str| {
        fs::write(&path, text).expect("the folder is ours");
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&url, &flag, "alert"]);
        assert_eq!(did.code, 1, "{did:?}");
        did.err
    };
    assert!(refused("", "http://a:b@127.0.0.1:1").contains("remove one"));
    assert!(refused("nonsense: 1", "http://127.0.0.1:1").contains("http.yml:1:1: field nonsense"));
    let missing = "tls_config: {ca_file: nowhere.pem}";
    assert!(refused(missing, "https://127.0.0.1:1").contains("nowhere.pem"));
}

#[test]
fn servers_that_misbehave_are_told_of() {
    let desk = Desk::new();
    let ask = |answer: String, args: &[&str]| {
        let (url, asked) = answering(answer);
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&[url.as_str(), "--no-version-check"], args].concat());
        asked.join().expect("it answers");
        did
    };
    let page = "<!DOCTYPE html><title>Log in</title>";
    for (answer, text) in [
        (http_answer("200 OK", "", page), "a proxy asks for a login"),
        (http_answer("502 Bad Gateway", "", page), "[GET /alerts][502] the answer is a web page"),
        (http_answer("500 Oh", "", "{\"code\":500,\"message\":\"no\"}"), "[GET /alerts][500] no"),
        (http_answer("401 Who", "", ""), "[401] the server asks for a user"),
        (http_answer("404 No", "", ""), "[404] not found"),
        (http_answer("200 OK", "", "{}"), "is not what an alert manager says"),
        (http_answer("200 OK", "", ""), "is not what an alert manager says"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_owned(), "Get \"http://127.0.0.1:"),
        ("SSH-2.0-x\r\n\r\n".to_owned(), "Get \"http://127.0.0.1:"),
        (String::new(), "Get \"http://127.0.0.1:"),
    ] {
        let did = ask(answer.clone(), &["alert"]);
        assert!(did.code == 1 && did.out.is_empty(), "{answer}: {did:?}");
        assert!(did.err.contains(text) && did.err.lines().count() == 1, "{answer}: {did:?}");
    }
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let posted = http_answer("200 OK", date, "{\"silenceID\":\"an-id\"}");
    let did = ask(posted, &["silence", "add", "a=b", "-c", "x"]);
    assert_eq!((did.code, did.out.as_str()), (0, "an-id\n"));
    assert!(did.err.contains("ahead of the server's"), "{did:?}");
    let did = desk.ours(&["--alertmanager.url=ftp://x", "alert"]);
    assert!(did.err.contains("only http and https"), "{did:?}");
}

#[test]
fn a_silent_server_is_given_up() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("--alertmanager.url=http://{}", listener.local_addr().expect("bound"));
    let did = desk.ours(&[&url, "--timeout=300ms", "alert"]);
    assert!(did.code == 1 && did.err.contains("context deadline exceeded"), "{did:?}");
}
