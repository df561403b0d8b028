//! Draws what goes wrong, and when.

use std::time::Duration;

use campana_core::time::Instant;

use super::{
    mix::Kind,
    run::{Action, Runner},
    truth::Trouble,
};
use crate::{host::HostId, network::Fault, receivers::Behaviour};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Runner {
    /// Draws the faults between two times.
    pub(super) fn draw_faults(&mut self, from: Instant, until: Instant) {
        let kinds = self.mix.kinds;
        for kind in Kind::ALL.into_iter().filter(|kind| kinds.has(*kind)) {
            for _ in 0..1 + self.chance.below(3) {
                let at = from + self.chance.between(Duration::ZERO, until.since(from));
                match kind {
                    Kind::Network => {}
                    Kind::Partitions => self.draw_partition(at),
                    Kind::Crashes => self.draw_crash(at),
                    Kind::Clocks => self.draw_step(at),
                    Kind::Receivers => self.draw_outage(at),
                    Kind::Disks => self.draw_full_disk(at),
                    Kind::Prometheus => self.draw_restart(at),
                    Kind::Posts => self.draw_deafness(at),
                }
            }
        }
    }

    fn draw_host(&mut self) -> (usize, HostId) {
        let number = self.chance.below(u64::from(self.mix.nodes)) as usize;
        (number, self.fleet.host(number))
    }

    fn draw_partition(&mut self, at: Instant) {
        let (_, alone) = self.draw_host();
        let other = self.draw_host().1;
        let hosts = self.fleet.hosts().to_vec();
        let is_inside = |id: &HostId| *id == alone || hosts.len() > 3 && *id == other;
        let (inside, outside): (Vec<_>, Vec<_>) = hosts.iter().copied().partition(is_inside);
        let faults = match self.chance.below(4) {
            0 => vec![Fault::Cut(inside.clone(), outside)],
            1 => vec![Fault::Clog(inside.clone(), outside)],
            _ => {
                let there = Fault::Cut(inside.clone(), outside.clone());
                vec![there, Fault::Cut(outside, inside.clone())]
            }
        };
        let ends = at + self.chance.between(seconds(1), seconds(300));
        let number = self.truth.troubles.len();
        self.agenda.push(at, Action::Put { number, faults });
        self.agenda.push(ends, Action::Lift(number));
        self.trouble(at, ends, Trouble::Cut(inside));
    }

    fn draw_crash(&mut self, at: Instant) {
        let (number, id) = self.draw_host();
        let ends = at + self.chance.between(seconds(1), seconds(180));
        let action = match self.chance.below(3) {
            0 => Action::Kill(number),
            1 => Action::CutPower(number),
            _ => Action::Stop(number),
        };
        self.agenda.push(at, action);
        self.agenda.push(ends, Action::Start(number));
        // A stop may take a while.
        self.trouble(at, ends + seconds(10), Trouble::Down(id));
    }

    fn draw_step(&mut self, at: Instant) {
        let (number, _) = self.draw_host();
        let ns = self.chance.below(20_000_000_000) as i64 - 10_000_000_000;
        self.agenda.push(at, Action::Step(number, ns));
        self.trouble(at, at, Trouble::Step);
    }

    fn draw_outage(&mut self, at: Instant) {
        let ends = at + self.chance.between(seconds(1), seconds(180));
        let behaviour = match self.chance.below(5) {
            0 => Behaviour::Hangs,
            1 => Behaviour::Refuses,
            2 => Behaviour::answers(429),
            3 => Behaviour::answers(503),
            _ => Behaviour::Answers {
                status: 200,
                headers: Vec::new(),
                after: self.chance.between(seconds(1), seconds(12)),
            },
        };
        self.agenda.push(at, Action::Behave(behaviour));
        self.agenda.push(ends, Action::Behave(Behaviour::answers(200)));
        self.trouble(at, ends, Trouble::Receiver);
    }

    fn draw_full_disk(&mut self, at: Instant) {
        let (number, _) = self.draw_host();
        let ends = at + self.chance.between(seconds(60), seconds(1200));
        self.agenda.push(at, Action::Disk(number, true));
        self.agenda.push(ends, Action::Disk(number, false));
        self.trouble(at, ends, Trouble::Disk);
    }

    fn draw_deafness(&mut self, at: Instant) {
        let (number, id) = self.draw_host();
        let ends = at + self.chance.between(seconds(10), seconds(600));
        self.agenda.push(at, Action::Deafen(number, true));
        self.agenda.push(ends, Action::Deafen(number, false));
        self.trouble(at, ends, Trouble::Deaf(id));
    }

    fn draw_restart(&mut self, at: Instant) {
        let server = self.chance.below(2) as usize;
        let ends = at + self.chance.between(seconds(1), seconds(60));
        self.agenda.push(at, Action::PrometheusDown(server));
        self.agenda.push(ends, Action::PrometheusUp(server));
        self.trouble(at, ends, Trouble::Prometheus);
    }
}
