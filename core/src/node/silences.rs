//! Silences: created, changed and ended by calls.

use alloc::{string::String, sync::Arc};

use super::{Node, journal::Promised};
use crate::{
    api::Reply,
    event::{Event, SilenceChange},
    id::CallId,
    silence::{Change, Draft, Id},
    time::Now,
};

impl Node {
    pub(super) fn put_silence(&mut self, now: Now, call: CallId, draft: Draft) {
        let ids = &mut self.silence_ids;
        let result = self.silences.set(now.wall, draft, || ids.next_uuid());
        let result = result.map(|set| {
            let change = match &set.change {
                Change::Created => SilenceChange::Create,
                Change::Replaced { old } => {
                    self.log_silence(old, SilenceChange::Expire);
                    self.watch_silence(old);
                    self.note_silence(now, old);
                    self.gossip_silence(now, old);
                    SilenceChange::Create
                }
                Change::Updated => SilenceChange::Update,
            };
            self.watch_silence(&set.id);
            self.log_silence(&set.id, change);
            self.note_silence(now, &set.id);
            self.gossip_silence(now, &set.id);
            self.record_silence(now, &set.id, &set.change);
            set.id
        });
        self.promise(Promised::Reply(call, Reply::SilencePut(result), "the silence is in force"));
    }

    pub(super) fn expire_silence(&mut self, now: Now, call: CallId, id: &Id) {
        let result = self.silences.expire(now.wall, &id.0);
        if result == Ok(true) {
            self.watch_silence(id);
            self.log_silence(id, SilenceChange::Expire);
            self.note_silence(now, id);
            self.gossip_silence(now, id);
        }
        let result = result.map(|_| ());
        self.promise(Promised::Reply(call, Reply::SilenceExpired(result), "the silence has ended"));
    }

    /// Logs a change where `--log.silences` asks for it.
    fn log_silence(&mut self, id: &Id, change: SilenceChange) {
        if !self.options.log_silences {
            return;
        }
        let table = self.silences.table();
        let Some(silence) = table.get(&id.0) else { return };
        let mut matchers = String::new();
        for matcher in silence.matcher_sets.iter().flatten() {
            if !matchers.is_empty() {
                matchers.push(',');
            }
            matchers.push_str(matcher.name());
            matchers.push_str(matcher.op().as_str());
            matchers.push_str(matcher.value());
        }
        self.log(Event::SilenceChanged {
            change,
            id: silence.id.0.clone(),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            matchers: Arc::from(matchers),
        });
    }
}
