//! AWS' signatures, version 4.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::credentials::Keys;
use crate::time::{Timestamp, civil::Civil};

/// The bytes that SHA-256 works on at a time.
const BLOCK: usize = 64;

/// What is signed of a request.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    /// The path, percent-encoded as it is sent.
    pub(super) path: &'a str,
    /// The query, sorted and percent-encoded.
    pub(super) query: &'a str,
    /// Names in lower case, sorted, and values without blanks around them.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Where a signature holds.
pub(super) struct Scope<'a> {
    /// The time, as [`stamp`] writes it.
    pub(super) stamp: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// Writes a time as `X-Amz-Date` carries it.
pub(super) fn stamp(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::at(at, 0);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Returns the value of the header `Authorization`.
pub(super) fn authorize(keys: &Keys, scope: &Scope<'_>, request: &Canonical<'_>) -> String {
    let Scope { stamp, region, service } = scope;
    let day = stamp.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let (text, names) = canonical(request);
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(text)));
    let secret = format!("AWS4{}", keys.secret.expose());
    let key = [day, region, service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()).to_vec());
    let signature = hex(&hmac(&key, text.as_bytes()));
    let access = &keys.access;
    format!(
        "AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

/// Writes a request in the one form that both sides sign, and the names of its headers.
fn canonical(request: &Canonical<'_>) -> (String, String) {
    let mut headers = String::new();
    let mut names = String::new();
    for (name, value) in request.headers {
        headers.push_str(&format!("{name}:{value}\n"));
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
    }
    // The path is encoded once more than it is sent.
    let mut path = String::new();
    for byte in request.path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                path.push(char::from(byte));
            }
            byte => write!(path, "%{byte:02X}").expect("a String takes every write"),
        }
    }
    let Canonical { method, query, body, .. } = request;
    let body = hex(&Sha256::digest(body));
    (format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{body}"), names.to_string())
}

/// HMAC with SHA-256, as RFC 2104 defines it.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text);
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{notify::Secret, time::rfc3339::parse_api};

    fn signature(request: &Canonical<'_>) -> String {
        let keys = Keys {
            access: "AKIDEXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: Secret::default(),
        };
        let stamp = stamp(parse_api("2015-08-30T12:36:00Z").unwrap().at);
        let scope = Scope { stamp: &stamp, region: "us-east-1", service: "service" };
        let line = authorize(&keys, &scope, request);
        line.rsplit('=').next().unwrap().to_string()
    }

    /// The vectors that AWS publishes.
    #[test]
    fn signs_as_aws_does() {
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let get = Canonical { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        assert_eq!(
            signature(&get),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        let ordered = Canonical { query: "Param1=value1&Param2=value2", ..get };
        assert_eq!(
            signature(&ordered),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        let post = Canonical { method: "POST", query: "", ..ordered };
        assert_eq!(
            signature(&post),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let with_type =
            [("content-type", "application/x-www-form-urlencoded"), headers[0], headers[1]];
        let form = Canonical { headers: &with_type, body: b"Param1=value1", ..post };
        assert_eq!(
            signature(&form),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    /// Requests of Alertmanager 0.33.1, as its AWS library signed them.
    #[test]
    fn signs_as_alertmanager_does() {
        let sign = |path, id: &str, length: &str, body: &str| {
            let keys =
                Keys { access: "AK".into(), secret: Secret::new("SK"), token: Secret::default() };
            let headers = [
                ("amz-sdk-invocation-id", id),
                ("amz-sdk-request", "attempt=1; max=3"),
                ("content-length", length),
                ("content-type", "application/x-www-form-urlencoded"),
                ("host", "127.0.0.1:29494"),
                ("x-amz-date", "20261122T094427Z"),
            ];
            let request = Canonical {
                method: "POST",
                path,
                query: "",
                headers: &headers,
                body: body.as_bytes(),
            };
            let scope = Scope { stamp: "20261122T094427Z", region: "us-east-2", service: "sns" };
            authorize(&keys, &scope, &request)
        };
        let subject = "Subject=%5BFIRING%3A1%5D+A%3Cb%3E%2B1+%28j%29";
        assert_eq!(
            sign(
                "/sns3",
                "8f40f7fa-c296-470c-9a74-32841628d426",
                "101",
                &format!("Action=Publish&Message=&{subject}&TargetArn=ta&Version=2010-03-31"),
            ),
            "AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-2/sns/aws4_request, \
             SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;\
             host;x-amz-date, \
             Signature=8db124f5cb3716f75dbb1960e5da81af99c8da03315a57b0c8a36c9d51db4e99"
        );
        let escaped = sign(
            "/snsD/a%20b/",
            "00acb95c-ec79-4e02-a2c2-1f7bd70f4ef3",
            "108",
            &format!("Action=Publish&Message=%C3%A9&PhoneNumber=1&{subject}&Version=2010-03-31"),
        );
        assert!(escaped.ends_with(
            "Signature=242ba49c1a704bc92e7bb772efa033218d74b49b0b7c9f3d805c551156a0f246"
        ));
    }

    /// RFC 4231, the first case and the sixth, whose key is longer than a block.
    #[test]
    fn hmac_is_that_of_the_rfc() {
        assert_eq!(
            hex(&hmac(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(&hmac(&[0xaa; 131], text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
