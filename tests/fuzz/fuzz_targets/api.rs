//! Requests of any target and body.
#![no_main]

use campana_core::{
    api::{Head, Site},
    cli::{ExternalUrl, Options},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: (&str, &[u8])| {
    let (target, body) = request;
    let external = ExternalUrl { text: "http://am".into(), route_prefix: "/".into() };
    let site = Site::new(&Options::default(), &external, 1);
    let headers = [("Content-Type", "application/json")];
    for method in ["GET", "POST"] {
        let head = Head { method, target, headers: &headers };
        let _ = site.admit(&head);
        let _ = site.handle(&head, body);
    }
    for target in ["/api/v2/alerts", "/api/v2/silences"] {
        let head = Head { method: "POST", target, headers: &headers };
        let _ = site.handle(&head, body);
    }
});
