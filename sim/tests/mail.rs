//! Mails on virtual time: handed in once, again after a refusal, and given up when nothing answers.

use std::time::Duration;

use campana_sim::{Behaviour, HostSpec, World};

const CONFIG: &str = "
route: {receiver: mail, group_wait: 1s, group_interval: 30s}
receivers:
- name: mail
  email_configs: [{to: a@b, from: c@d, smarthost: 'post:587', text: '{{ .Status }}'}]
";
const POST: &str = "post:587";

/// A world in which an alert fires, and what the mail server does.
fn world(behaviour: Option<Behaviour>) -> World {
    let mut world = World::new(1);
    let host = world.add_host(HostSpec::new(CONFIG)).expect("valid");
    world.start(host).expect("it starts");
    if let Some(behaviour) = behaviour {
        world.receivers_mut().behave(POST, behaviour);
    }
    let alert = br#"[{"labels": {"alertname": "Down"}}]"#;
    world.request(host, "POST", "/api/v2/alerts", alert).expect("posted");
    world
}

#[test]
fn a_mail_is_handed_in_once() {
    let mut world = world(None);
    world.run_for(Duration::from_secs(100));
    let [mail] = world.receivers().received(POST) else { panic!("one mail") };
    let text = String::from_utf8_lossy(&mail.body);
    assert!(text.contains("Message-Id: <"), "{text}");
    assert!(text.contains("\r\n\r\nfiring\r\n--"), "{text}");
    assert_eq!(world.errors(), [] as [&str; 0]);
}

#[test]
fn a_refused_mail_is_handed_in_again() {
    let mut world = world(Some(Behaviour::answers(451)));
    world.run_for(Duration::from_secs(5));
    let refused = world.receivers().received(POST).len();
    assert!(refused > 1, "{refused}");
    world.receivers_mut().behave(POST, Behaviour::answers(200));
    world.run_for(Duration::from_secs(100));
    let codes: Vec<u16> = world.receivers().received(POST).iter().map(|mail| mail.status).collect();
    assert_eq!(codes.iter().filter(|code| **code == 250).count(), 1, "{codes:?}");
    assert_eq!(codes.last(), Some(&250));
}

#[test]
fn a_silent_server_is_given_up() {
    let mut world = world(Some(Behaviour::Hangs));
    world.run_for(Duration::from_secs(100));
    assert!(!world.errors().is_empty());
    world.receivers_mut().behave(POST, Behaviour::Refuses);
    world.run_for(Duration::from_secs(100));
    assert!(world.receivers().received(POST).iter().all(|mail| mail.status == 0));
}
