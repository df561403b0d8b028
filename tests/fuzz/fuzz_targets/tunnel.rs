//! What proxies say, of any bytes in any pieces, and URLs of receivers and proxies of any text.
#![no_main]

use std::sync::Arc;

use campana_core::notify::{
    Environment, Secret,
    http::ProxyConfig,
    proxy::Proxies,
    way::{TunnelStep, Way},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str, &str, Vec<&[u8]>)| {
    let (kind, target, except, pieces) = input;
    let _ = Way::new(target, None);
    let kinds = ["http://p:1", "https://u:p@p:1", "socks5://p:1", "socks5://u:p@[::1]:1", target];
    let config = ProxyConfig {
        url: Some(Secret::new(kinds[usize::from(kind) % kinds.len()])),
        no_proxy: except.into(),
        ..ProxyConfig::default()
    };
    let Ok(proxies) = Proxies::new(&config, &Environment::default()) else { return };
    let Ok(mut way) = Way::new("https://target:443/x", None) else { return };
    let _ = Way::new(target, None).map(|way| proxies.of(way.https, &way.host, way.port).is_some());
    way.proxy = proxies.of(true, "target", 443).map(Arc::clone);
    let Some(mut tunnel) = way.tunnel() else { return };
    let mut pieces = pieces.into_iter();
    let mut heard: &[u8] = b"";
    for _ in 0..100_000 {
        heard = match tunnel.step(heard) {
            Err(_) | Ok(TunnelStep::Open) => return,
            Ok(TunnelStep::Write(_)) => b"",
            Ok(TunnelStep::Read) => match pieces.next() {
                Some(piece) => piece,
                None => return,
            },
        };
    }
    panic!("the tunnel does not end");
});
