//! The names of a certificate, as far as they decide who a client is.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The object identifier 2.5.29.17, `subjectAltName`.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// The extensions among the parts of a certificate.
const EXTENSIONS: u8 = 0xa3;

/// Returns the alternative names of a certificate in DER: mail addresses, hosts, URIs and IP
/// addresses. Of what is malformed there are none.
pub(super) fn alternative(certificate: &[u8]) -> Vec<String> {
    find(certificate).unwrap_or_default()
}

fn find(certificate: &[u8]) -> Option<Vec<String>> {
    let mut outer = Der(Der(certificate).expect_tag(SEQUENCE)?);
    let mut parts = Der(outer.expect_tag(SEQUENCE)?);
    let extensions = parts.find_map(|(tag, body)| (tag == EXTENSIONS).then_some(body))?;
    for (_, extension) in Der(Der(extensions).expect_tag(SEQUENCE)?) {
        let mut extension = Der(extension);
        if extension.expect_tag(OBJECT)? != ALTERNATIVE_NAME {
            continue;
        }
        // A flag may come first that says that the extension matters.
        let octets = extension.find_map(|(tag, body)| (tag == OCTETS).then_some(body))?;
        let names = Der(Der(octets).expect_tag(SEQUENCE)?);
        return Some(names.filter_map(|(tag, body)| name(tag, body)).collect());
    }
    None
}

fn name(tag: u8, body: &[u8]) -> Option<String> {
    match tag & 0x1f {
        // A mail address, a host, a URI.
        1 | 2 | 6 if body.is_ascii() => str::from_utf8(body).ok().map(String::from),
        7 => address(body).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn address(body: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(body) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(body).ok()?).to_canonical())
}

/// Elements of DER, one after the other; it ends where they do, and at what is none.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn expect_tag(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, body)| body)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let length = digits.iter().fold(0_usize, |n, digit| n << 8 | usize::from(*digit));
                (length, rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, body))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    /// Of the subject `c`, with the names that the test expects.
    const CERTIFICATE: &str = "MIIBzDCCAXGgAwIBAgIUcMjioQwp0kKcnn9WV/zeQw7tenAwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBYzAgFw0y\
         NjExMjIxMjA3NDVaGA8yMTI2MTAyOTEyMDc0NVowDDEKMAgGA1UEAwwBYzBZMBMGByqGSM49AgEGCCqGSM49AwEH\
         A0IABDThx+BdY8rdWTU4RX6O1EPvTDXm11yyD0JDrEYCmzVwljXg1ejDpkZ6f7J/szYScQ+E4+wYDe2UbnvVmQ14\
         L46jga4wgaswHQYDVR0OBBYEFH5PIUGicgEo1l/Suy18PD+vPDhVMB8GA1UdIwQYMBaAFH5PIUGicgEo1l/Suy18\
         PD+vPDhVMA8GA1UdEwEB/wQFMAMBAf8wWAYDVR0RAQH/BE4wTIIJYS5leGFtcGxlggsqLmIuZXhhbXBsZYEMbWVA\
         eC5leGFtcGxlhwTAAAIHhxAgAQ24AAAAAAAAAAAAAAABhgxzcGlmZmU6Ly94L3kwCgYIKoZIzj0EAwIDSQAwRgIh\
         AMQ/OQJEv203Ws1KYRHhADBjbKXaa8nK4NccjtzLQPYQAiEAzS07yJz1xP5KoM93I/ia7T25qJdCDCY103slTkew\
         8zA=";

    #[test]
    fn names_are_found() {
        let der = STANDARD.decode(CERTIFICATE).expect("it is Base64");
        let names = ["a.example", "*.b.example", "me@x.example", "192.0.2.7", "2001:db8::1"];
        let mut names = names.map(String::from).to_vec();
        names.push("spiffe://x/y".into());
        assert_eq!(alternative(&der), names);
        for end in 0..der.len() {
            assert!(alternative(&der[..end]).len() <= names.len());
        }
        assert!(alternative(b"").is_empty());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, at: usize, byte: u8) {
            alternative(&bytes);
            let mut der = STANDARD.decode(CERTIFICATE).expect("it is Base64");
            let at = at % der.len();
            der[at] = byte;
            alternative(&der);
        }
    }
}
