//! Real clusters on real sockets: of our own programs, and together with the original.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{collections::BTreeSet, fs, path::Path, process::Command, thread};

use campana_tests::{
    cluster::{Member, PEER_TIMEOUT, SPREADING, original, wait, wait_ready},
    drivers::built_program,
};
use rustix::process::Signal;

/// A silence that one got is on all; and so is its end.
#[track_caller]
fn share_silence(from: &Member, members: &[&Member]) {
    let id = from.silence("Quiet");
    for member in members {
        let what = format!("the silence of {} on {}", from.name, member.name);
        wait(&what, members, SPREADING, || member.state_of(&id) == "active");
    }
    from.expire(&id);
    for member in members {
        let what = format!("the end of the silence of {} on {}", from.name, member.name);
        wait(&what, members, SPREADING, || member.state_of(&id) == "expired");
    }
}

/// All get the same alert; the first tells the receiver and the others stay quiet.
#[track_caller]
fn share_log(first: &Member, members: &[&Member], alert: &str) {
    members.iter().for_each(|member| member.post(alert, None));
    let firing = format!("firing {alert}");
    wait(&format!("{} tells {firing}", first.name), members, SPREADING * 2, || {
        first.told().contains(&firing)
    });
    thread::sleep(PEER_TIMEOUT * members.len() as u32);
    let told = |member: &Member| member.told().iter().filter(|told| **told == firing).count();
    for member in members {
        let expected = usize::from(member.name == first.name);
        assert_eq!(told(member), expected, "{} tells {firing}", member.name);
    }
}

/// The first is killed; the next one sends what is due, and nothing else.
#[track_caller]
fn take_over(mut first: Member, next: &Member, alert: &str) {
    first.program.kill();
    let before = next.told();
    next.post(alert, Some("2021-01-01T00:00:00Z"));
    let resolved = format!("resolved {alert}");
    // It waits for the first until it knows that it is gone.
    wait(&format!("{} tells {resolved}", next.name), &[next], PEER_TIMEOUT * 4, || {
        next.told().contains(&resolved)
    });
    assert_eq!(next.told()[before.len()..], [resolved]);
}

fn ours_among_themselves(name: &str) {
    let executable = built_program(name);
    let a = Member::start(&executable, "a", &[], &[]);
    let b = Member::start(&executable, "b", &[&a], &[]);
    let mut c = Member::start(&executable, "c", &[&a], &[]);
    wait_ready(&[&a, &b, &c]);
    for from in [&a, &b, &c] {
        share_silence(from, &[&a, &b, &c]);
    }
    share_log(&a, &[&a, &b, &c], "Disk");
    // Who ends says so; nobody has to notice. It saves its state before, which a busy disk delays.
    c.program.signal(Signal::TERM);
    assert_eq!(c.program.wait(), Ok(0));
    wait("c has left", &[&a, &b], SPREADING, || {
        [&a, &b].iter().all(|member| member.peers() == ["a", "b"])
    });
    // Who joins later gets everything.
    let id = b.silence("Old");
    let d = Member::start(&executable, "d", &[&b], &[]);
    wait_ready(&[&a, &b, &d]);
    wait("what b knew is on d", &[&b, &d], SPREADING, || d.state_of(&id) == "active");
    d.post("Disk", None);
    thread::sleep(PEER_TIMEOUT * 3);
    assert_eq!(d.told(), Vec::<String>::new(), "a has told it");
    take_over(a, &b, "Disk");
    for member in [&b, &d] {
        let log = member.program.log();
        let bad = log.iter().any(|line| line.contains("level=ERROR"));
        assert!(!bad, "{}: {log:#?}", member.name);
    }
}

fn with_the_original(name: &str) {
    let Some(original) = original(name) else { return };
    let ours = built_program(name);
    // Who is first in the order of names notifies; who starts second joins.
    for we_are_first in [true, false] {
        let (first, second) = if we_are_first { (&ours, &original) } else { (&original, &ours) };
        let a = Member::start(first, "a", &[], &[]);
        let early = a.silence("Early");
        let b = Member::start(second, "b", &[&a], &[]);
        wait_ready(&[&a, &b]);
        wait("what a knew is on b", &[&a, &b], SPREADING, || b.state_of(&early) == "active");
        share_silence(&a, &[&a, &b]);
        share_silence(&b, &[&a, &b]);
        share_log(&a, &[&a, &b], "Disk");
        take_over(a, &b, "Disk");
    }
}

/// Every family of metrics about the cluster that one has, the other has too.
#[track_caller]
fn compare_metrics(model: &Member, other: &Member) {
    let families = |member: &Member| -> BTreeSet<String> {
        let page = member.program.request("GET", "/metrics", b"").expect("it answers").text();
        let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let about = ["_cluster_", "_tls_transport_", "_gossip_", "_peer_"];
        let names = names.filter(|name| about.iter().any(|part| name.contains(part)));
        names.map(ToOwned::to_owned).collect()
    };
    let (model, other) = (families(model), families(other));
    assert!(!model.is_empty());
    let missing: Vec<_> = model.difference(&other).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Writes certificates and the settings that demand them; `None` where there is no openssl.
fn tls_settings(folder: &Path) -> Option<String> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let steps = [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 9 -subj /CN=ca"),
        format!("req {key} -keyout peer.key -out peer.csr -subj /CN=peer"),
        "x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile ext \
         -out peer.pem"
            .into(),
    ];
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    write("ext", "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    for step in steps {
        let mut command = Command::new("openssl");
        let output = command.current_dir(folder).args(step.split_whitespace()).output();
        let Ok(output) = output else {
            eprintln!("skipped: there is no openssl");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let settings = "
tls_server_config:
  {cert_file: peer.pem, key_file: peer.key, client_ca_file: ca.pem,
   client_auth_type: RequireAndVerifyClientCert}
tls_client_config: {ca_file: ca.pem, cert_file: peer.pem, key_file: peer.key}
";
    Some(format!("--cluster.tls-config={}", write("tls.yml", settings)))
}

/// Over TLS, where both sides have to show a certificate; the label keeps others out as well.
fn with_tls(name: &str, other: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tls) = tls_settings(folder.path()) else { return };
    let flags = [&*tls, "--cluster.label=us"];
    let ours = built_program(name);
    let a = Member::start(other, "a", &[], &flags);
    let b = Member::start(&ours, "b", &[&a], &flags);
    let mut c = Member::start(&ours, "c", &[&a], &flags);
    let stranger = Member::start(&ours, "d", &[&a, &b], &["--cluster.label=us"]);
    wait_ready(&[&a, &b, &c]);
    for from in [&a, &b, &c] {
        share_silence(from, &[&a, &b, &c]);
    }
    share_log(&a, &[&a, &b, &c], "Disk");
    compare_metrics(&a, &b);
    c.program.signal(Signal::TERM);
    wait("c has left", &[&a, &b], SPREADING * 2, || {
        [&a, &b].iter().all(|member| member.peers() == ["a", "b"])
    });
    assert_eq!(c.program.wait(), Ok(0));
    wait_ready(&[&stranger]);
    take_over(a, &b, "Disk");
}

/// Whoever has another label, or none, is heard by nobody and hears nothing.
#[test]
fn strangers_by_label_are_kept_out() {
    for name in ["campana", "campana-std"] {
        let ours = built_program(name);
        let a = Member::start(&ours, "a", &[], &["--cluster.label=us"]);
        let b = Member::start(&ours, "b", &[&a], &["--cluster.label=us"]);
        let other = Member::start(&ours, "c", &[&a, &b], &["--cluster.label=them"]);
        let bare = Member::start(&ours, "d", &[&a, &b], &[]);
        wait_ready(&[&a, &b]);
        let known = a.silence("Ours");
        let theirs = other.silence("Theirs");
        wait("b knows it", &[&a, &b], SPREADING, || b.state_of(&known) == "active");
        for members in [&[&a, &b][..], &[&other], &[&bare]] {
            wait_ready(members);
        }
        assert_ne!(b.state_of(&theirs), "active");
        assert_ne!(other.state_of(&known), "active");
        assert_ne!(bare.state_of(&known), "active");
    }
}

#[test]
fn campanas_gossip_over_tls() {
    with_tls("campana", &built_program("campana"));
}

#[test]
fn campana_gossips_over_tls_with_alertmanager() {
    let Some(original) = original("campana") else { return };
    with_tls("campana", &original);
}

#[test]
fn campanas_form_a_cluster() {
    ours_among_themselves("campana");
}

#[test]
fn campana_clusters_with_alertmanager() {
    with_the_original("campana");
}

#[test]
fn small_campanas_form_a_cluster() {
    ours_among_themselves("campana-std");
}

#[test]
fn small_campana_clusters_with_alertmanager() {
    with_the_original("campana-std");
}

#[test]
fn small_campanas_gossip_over_tls() {
    with_tls("campana-std", &built_program("campana"));
}

#[test]
fn small_campana_gossips_over_tls_with_alertmanager() {
    let Some(original) = original("campana-std") else { return };
    with_tls("campana-std", &original);
}
