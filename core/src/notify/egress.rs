//! Where notifications may not go: networks that the operator denies.
//!
//! Whoever writes receivers, or answers with redirects, chooses what the server connects to, and
//! the server may reach what they do not: the metadata service of a cloud hands out credentials to
//! whoever asks. The guard looks at addresses, after names were resolved and right before a
//! connection is made, so no name and no redirect gets around it.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{SendError, SendErrorKind, way::Way};

/// Words that stand for ranges. The first is denied whenever the guard is on.
const WORDS: [(&str, &[&str]); 3] = [
    (
        "metadata",
        &[
            "169.254.0.0/16",
            "fe80::/10",
            "fd00:ec2::254/128",
            "fd20:ce::254/128",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
        ],
    ),
    // To the unspecified address Linux connects as to itself.
    ("loopback", &["127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128"]),
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]),
];

/// Which addresses notifications may not go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    denied: Vec<Range>,
    allowed: Vec<Range>,
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    is_v4: bool,
    bits: u128,
    prefix: u8,
}

impl Range {
    /// Reads `10.0.0.0/8` or a single address; bits behind the prefix do not matter.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (is_v4, bits, width) = split(address.parse().ok()?);
        let prefix = match prefix {
            None => width,
            Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|prefix| *prefix <= width)?
            }
            Some(_) => return None,
        };
        Some(Self { is_v4, bits, prefix })
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let (is_v4, bits, width) = split(ip);
        let free = u32::from(width - self.prefix.min(width));
        is_v4 == self.is_v4 && (bits ^ self.bits).checked_shr(free).unwrap_or(0) == 0
    }
}

/// Returns the family, the bits and how many these are.
fn split(ip: IpAddr) -> (bool, u128, u8) {
    match ip {
        IpAddr::V4(ip) => (true, u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (false, ip.to_bits(), 128),
    }
}

/// Returns the IPv4 address that an IPv6 address stands for: mapped, compatible, and those of
/// translators (NAT64) and tunnels (6to4).
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 =
        |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

impl Egress {
    /// Reads lists of ranges, words for ranges, and addresses, separated by commas. With anything
    /// to deny, `metadata` is denied too. What is allowed is an exception.
    ///
    /// # Errors
    /// The first part that is no range.
    pub fn parse(denied: &[String], allowed: &[String]) -> Result<Self, String> {
        let mut egress = Self { denied: ranges(denied)?, allowed: ranges(allowed)? };
        if egress.denied.is_empty() && !egress.allowed.is_empty() {
            return Err("there is nothing denied that it could be an exception to".to_string());
        }
        if !egress.denied.is_empty() {
            egress.denied.extend(word(WORDS[0].0).unwrap_or_default());
        }
        Ok(egress)
    }

    /// Checks an address that is about to be connected to.
    ///
    /// # Errors
    /// That it is denied, as an error that trying again does not help against.
    pub fn check(&self, ip: IpAddr) -> Result<(), SendError> {
        let within = |ranges: &[Range], ip| ranges.iter().any(|range| range.contains(ip));
        let denies = |ip| within(&self.denied, ip) && !within(&self.allowed, ip);
        let stands_for = match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => inner(ip).map(IpAddr::V4),
        };
        if !denies(ip) && !stands_for.is_some_and(denies) {
            return Ok(());
        }
        let message = format!("connections to {ip} are denied by --notify.deny-egress");
        Err(SendError { kind: SendErrorKind::Invalid, message })
    }

    /// Leaves out the addresses of a host that are denied.
    ///
    /// # Errors
    /// As [`check`](Self::check), when no other is left.
    pub fn pass(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, SendError> {
        let (mut passed, mut refused) = (Vec::new(), None);
        for address in addresses {
            match self.check(address.ip()) {
                Ok(()) => passed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if passed.is_empty() => Err(error),
            _ => Ok(passed),
        }
    }

    /// Checks the target of a request that a proxy connects to: an address must not be denied. The
    /// names that a proxy resolves are the proxy's to check.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_target(&self, way: &Way) -> Result<(), SendError> {
        way.host.parse().map_or(Ok(()), |ip| self.check(ip))
    }
}

fn ranges(lists: &[String]) -> Result<Vec<Range>, String> {
    let parts = lists.iter().flat_map(|list| list.split(',')).map(str::trim);
    let mut ranges = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match word(part) {
            Some(known) => ranges.extend(known),
            None => ranges.push(Range::parse(part).ok_or_else(|| {
                let words = WORDS.map(|(name, _)| name).join(", ");
                format!("{part:?} is no range like 10.0.0.0/8, no address, and none of {words}")
            })?),
        }
    }
    Ok(ranges)
}

fn word(name: &str) -> Option<Vec<Range>> {
    let (_, list) = WORDS.iter().find(|(known, _)| *known == name)?;
    Some(list.iter().filter_map(|text| Range::parse(text)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn egress(denied: &str, allowed: &str) -> Egress {
        Egress::parse(&[denied.into()], &[allowed.into()]).expect("they are ranges")
    }

    fn denies(egress: &Egress, ip: &str) -> bool {
        egress.check(ip.parse().expect("an address")).is_err()
    }

    #[test]
    fn every_word_is_made_of_ranges() {
        for (name, list) in WORDS {
            assert_eq!(word(name).expect("it is known").len(), list.len(), "{name}");
        }
    }

    #[test]
    fn without_ranges_nothing_is_denied() {
        let off = Egress::default();
        assert!(!denies(&off, "169.254.169.254") && !denies(&off, "127.0.0.1"));
        assert_eq!(Egress::parse(&[], &[]).expect("nothing"), off);
    }

    #[test]
    fn once_on_it_denies_metadata_whatever_is_listed() {
        let on = egress("10.0.0.0/8,2001:db8::/32", "169.254.7.0/24");
        for ip in [
            "10.1.2.3",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "::ffff:10.0.0.1",
            "2001:db8::1",
        ] {
            assert!(denies(&on, ip), "{ip}");
        }
        for ip in ["11.0.0.0", "127.0.0.1", "169.254.7.9", "::ffff:169.254.7.9", "fec0::1", "::1"] {
            assert!(!denies(&on, ip), "{ip}");
        }
        let inside = egress("loopback, private", "127.0.0.1");
        assert!(denies(&inside, "0.0.0.0") && denies(&inside, "::1") && denies(&inside, "::"));
        assert!(denies(&inside, "192.168.1.1") && denies(&inside, "fd12::1"));
        assert!(!denies(&inside, "127.0.0.1") && denies(&inside, "127.0.0.2"));
    }

    #[test]
    fn a_host_is_reached_by_what_is_left() {
        let on = egress("10.0.0.0/8", "");
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let both = [at("10.0.0.1:80"), at("192.0.2.1:80")];
        assert_eq!(on.pass(both).expect("one is left"), [both[1]]);
        let error = on.pass([both[0]]).expect_err("none is left");
        assert_eq!(error.kind, SendErrorKind::Invalid);
        assert!(error.message.contains("10.0.0.1 are denied by --notify.deny-egress"));
        assert_eq!(on.pass(Vec::new()).expect("nothing was refused"), []);
        let way = |url| Way::new(url, None).expect("a URL");
        assert!(on.check_target(&way("http://10.9.9.9/x")).is_err());
        assert!(on.check_target(&way("http://[::ffff:a00:1]:8/x")).is_err());
        assert!(on.check_target(&way("http://ten.example/x")).is_ok());
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in ["x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "10.0.0/8", "1/2/3"]
        {
            let error = Egress::parse(&[text.into()], &[]).expect_err(text);
            assert!(error.contains(text) && error.contains("metadata, loopback"), "{error}");
        }
        assert!(Egress::parse(&[], &["10.0.0.0/8".into()]).is_err());
    }

    proptest! {
        #[test]
        fn a_range_holds_what_shares_its_first_bits(
            base: u32, other: u32, prefix in 0_u8..=32, wide: u128, far: u128, long in 0_u8..=128,
        ) {
            let same = prefix == 0 || base >> (32 - prefix) == other >> (32 - prefix);
            let range = Range::parse(&format!("{}/{prefix}", Ipv4Addr::from_bits(base)));
            let range = range.expect("a range");
            prop_assert_eq!(range.contains(Ipv4Addr::from_bits(other).into()), same);
            let on = Egress { denied: [range].into(), allowed: Vec::new() };
            let mapped = Ipv4Addr::from_bits(other).to_ipv6_mapped();
            prop_assert_eq!(on.check(mapped.into()).is_err(), same);
            let range = Range::parse(&format!("{}/{long}", Ipv6Addr::from_bits(wide)));
            let same = long == 0 || wide >> (128 - long) == far >> (128 - long);
            let far = Ipv6Addr::from_bits(far).into();
            prop_assert_eq!(range.expect("a range").contains(far), same);
        }

        #[test]
        fn an_exception_opens_what_it_names_and_no_more(ip: u32, prefix in 0_u8..=32) {
            let ip = Ipv4Addr::from_bits(ip);
            let range = format!("{ip}/{prefix}");
            let on = egress("0.0.0.0/0,::/0", &range);
            prop_assert!(on.check(ip.into()).is_ok());
            let (_, bits, _) = split(ip.into());
            if prefix > 0 {
                let neighbour = Ipv4Addr::from_bits(bits as u32 ^ 1 << (32 - prefix));
                prop_assert!(on.check(neighbour.into()).is_err());
            }
        }

        #[test]
        fn nothing_panics(text in "[0-9a-f:./,x ]{0,40}", ip: u128) {
            if let Ok(egress) = Egress::parse(&[text], &[]) {
                let _ = egress.check(Ipv6Addr::from_bits(ip).into());
            }
        }
    }
}
