//! Silences that match nothing: they should cost nothing.

use std::time::{Duration, Instant};

use super::{
    super::{
        Bench, Goal,
        client::post_all,
        load::{self, Groups},
        micros_each,
    },
    quiet,
};

const PATH: &str = "/api/v2/silences";

pub(super) fn silences(bench: &mut Bench) -> Result<(), String> {
    // The original looks at every silence for every alert: fewer alerts where that takes minutes.
    for (size, alerts) in [(1000, 10_000), (10_000, 2000), (50_000, 400)] {
        if !bench.has_size(size) {
            continue;
        }
        let part = if size == 1000 { Goal::None } else { Goal::Part(1.0 / 500.0) };
        let ends = load::from_now(Duration::from_secs(3600));
        let bodies = load::alerts(0, alerts, Groups::Some(1000), &ends);
        let silences = load::silences(0, size);
        bench.each(&format!("{size} silences"), |bench, which| {
            let server = bench.start(which, &quiet(), &[])?;
            let cpu = server.cpu()?;
            post_all(server.address(), PATH, &silences, 4)?;
            server.rest()?;
            let each = micros_each(server.cpu()? - cpu, size);
            bench.note(&format!("{size}: CPU per silence"), "µs", Goal::None, which, each);
            let (cpu, began) = (server.cpu()?, Instant::now());
            post_all(server.address(), "/api/v2/alerts", &bodies, 4)?;
            server.connect()?.get("/api/v2/alerts").map_err(|e| e.to_string())?;
            let wall = began.elapsed().as_secs_f64();
            server.rest()?;
            let each = micros_each(server.cpu()? - cpu, alerts);
            let what = format!("{size}: CPU per alert, posted and asked for");
            bench.note(&what, "µs", part, which, each);
            let what = format!("{size}: time per alert, posted and asked for");
            bench.note(&what, "µs", Goal::None, which, micros_each(wall, alerts));
            let answer = server.connect()?.get(PATH).map_err(|e| e.to_string())?;
            let took = answer.took.as_secs_f64() * 1000.0;
            bench.note(&format!("{size}: all silences"), "ms", Goal::None, which, took);
            Ok(())
        })?;
    }
    Ok(())
}
