//! The file of `--web.config.file`: read at the start, and again when it or what it names has
//! changed. The same file in both runtimes.

use std::{
    hint,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use campana_core::{
    api::{Checked, Guard, Head, Proof, Response},
    config::{Origin, Web, web},
    event::Event,
    limits::WEB_LOOK_INTERVAL,
};
use rustls::ServerConfig;

use super::{
    clock::{self, Clock},
    files,
    log::Log,
    trust::{self, Material},
};

/// The settings in force.
pub(crate) struct Watch {
    file: String,
    /// Whether HTTP/2 can be offered.
    has_http2: bool,
    clock: Clock,
    log: Log,
    guard: Mutex<Guard>,
    tls: Mutex<Option<Arc<ServerConfig>>>,
    looked: Mutex<Looked>,
    proving: Mutex<()>,
}

/// What was seen when the files were last read.
struct Looked {
    at: Instant,
    web: Arc<Web>,
    material: Option<Material>,
    /// What was wrong then and was told.
    failed: Option<String>,
}

impl Watch {
    /// Reads the file and all that it names.
    pub(crate) fn open(
        file: &str,
        has_http2: bool,
        clock: Clock,
        log: Log,
    ) -> Result<Self, String> {
        let (web, material) = read(file)?;
        let tls = make(&web, material.as_ref(), has_http2)?;
        let web = Arc::new(web);
        let key = clock::seed().map_err(|e| format!("/dev/urandom: {e}"))?;
        let looked = Looked { at: Instant::now(), web: web.clone(), material, failed: None };
        Ok(Self {
            file: file.into(),
            has_http2,
            clock,
            log,
            guard: Mutex::new(Guard::new(web, key)),
            tls: Mutex::new(tls),
            looked: Mutex::new(looked),
            proving: Mutex::default(),
        })
    }

    /// Tells whether the files should be read again, which [`look`](Self::look) does.
    pub(crate) fn is_due(&self) -> bool {
        // Whoever holds it is looking.
        self.looked.try_lock().is_ok_and(|looked| looked.at.elapsed() >= WEB_LOOK_INTERVAL)
    }

    /// Reads the files again; may block. What cannot be used changes nothing.
    pub(crate) fn look(&self) {
        let mut looked = locked(&self.looked);
        if looked.at.elapsed() < WEB_LOOK_INTERVAL {
            return;
        }
        looked.at = Instant::now();
        match self.changed(&looked) {
            Ok(None) => looked.failed = None,
            Ok(Some((web, material, tls))) => {
                *locked(&self.tls) = tls;
                locked(&self.guard).replace(web.clone());
                *looked = Looked { at: looked.at, web, material, failed: None };
                self.log.write(&Event::WebConfigLoaded { file: self.file.clone() });
            }
            Err(err) => {
                if looked.failed.as_ref() != Some(&err) {
                    let file = self.file.clone();
                    self.log.write(&Event::WebConfigFailed { file, err: err.clone() });
                }
                looked.failed = Some(err);
            }
        }
    }

    fn changed(&self, looked: &Looked) -> Result<Option<Fresh>, String> {
        let (web, material) = read(&self.file)?;
        if web == *looked.web && material == looked.material {
            return Ok(None);
        }
        if web.tls.is_some() != looked.web.tls.is_some() {
            return Err("TLS cannot be switched on or off without a restart".into());
        }
        let tls = make(&web, material.as_ref(), self.has_http2)?;
        Ok(Some((Arc::new(web), material, tls)))
    }

    /// Returns how TLS is spoken; `None` means plain HTTP, for as long as the process lives.
    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        locked(&self.tls).clone()
    }

    /// Looks at the head of a request.
    pub(crate) fn check(&self, head: &Head<'_>) -> Checked {
        locked(&self.guard).check(self.clock.now().instant, head)
    }

    /// Checks a password, one after the other; takes its time. The error is the response to a
    /// request that may not go on.
    pub(crate) fn prove(&self, proof: &Proof) -> Result<(), Response> {
        let turn = locked(&self.proving);
        let password = proof.password.expose();
        let verify = |hash: &str| hint::black_box(bcrypt::verify(password, hash).unwrap_or(false));
        let verdicts: Vec<bool> = proof.hashes().map(|hash| verify(hash.expose())).collect();
        drop(turn);
        locked(&self.guard).settle(proof, verdicts.first() == Some(&true))
    }

    /// Puts the configured headers on a response.
    pub(crate) fn dress(&self, response: Response) -> Response {
        locked(&self.guard).dress(response)
    }

    /// Returns what the log tells of a listener.
    pub(crate) fn listening(watch: Option<&Self>, address: String) -> Event {
        match watch.and_then(Self::tls) {
            None => Event::TlsDisabled { http2: false, address },
            Some(tls) => Event::TlsEnabled { http2: tls.alpn_protocols.len() > 1, address },
        }
    }
}

type Fresh = (Arc<Web>, Option<Material>, Option<Arc<ServerConfig>>);

fn read(file: &str) -> Result<(Web, Option<Material>), String> {
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let web = web(&files::read(file)?, &Origin { file, directory }).map_err(|e| e.to_string())?;
    let material = web.tls.as_ref().map(Material::of_server).transpose()?;
    Ok((web, material))
}

fn make(
    web: &Web,
    material: Option<&Material>,
    has_http2: bool,
) -> Result<Option<Arc<ServerConfig>>, String> {
    let (Some(tls), Some(material)) = (&web.tls, material) else { return Ok(None) };
    let mut made = trust::server(tls, material)?;
    if has_http2 && web.http2 {
        made.alpn_protocols.push(b"h2".to_vec());
    }
    made.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Some(Arc::new(made)))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_is_one() {
        let text =
            b"basic_auth_users:\n  a: $2y$05$abcdefghijklmnopqrstuuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2";
        let web = Arc::new(web(text, &Origin { file: "f", directory: "" }).expect("it is fine"));
        let mut guard = Guard::new(web, [1; 32]);
        let headers = [("authorization", "Basic ZXZlOng=")];
        let head = Head { method: "GET", target: "/", headers: &headers };
        let checked = guard.check(campana_core::time::Instant::from_nanos(0), &head);
        let Checked::Verify(proof) = checked else { panic!("{checked:?}") };
        for hash in proof.hashes() {
            // Anything else would be an error and come at once.
            assert_eq!(bcrypt::verify("x", hash.expose()).ok(), Some(false));
        }
    }
}
