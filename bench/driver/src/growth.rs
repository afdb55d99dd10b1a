//! Cost against amount: it should grow linearly, and no faster than bare Rocket's.

use std::fs;
use std::path::Path;

use crate::Bench;
use crate::load::HEALTH;
use crate::plot::{Line, Plot};
use crate::stats::{show, spread};
use crate::table::{Run, Workload, one};

/// One amount that grows.
struct Series {
    name: &'static str,
    title: &'static str,
    x: &'static str,
    amounts: &'static [u64],
    /// Whether bare Rocket has this amount too.
    with_bare: bool,
}

const ALL: [Series; 5] = [
    Series {
        name: "spans",
        title: "Spans per request",
        x: "spans within the request's span",
        amounts: &[1, 5, 50],
        with_bare: true,
    },
    Series {
        name: "attributes",
        title: "Attributes per span",
        x: "attributes that the handler adds",
        amounts: &[5, 20, 100],
        with_bare: true,
    },
    Series {
        name: "routes",
        title: "Routes mounted, all requested",
        x: "routes",
        amounts: &[10, 100, 1_000],
        with_bare: true,
    },
    Series {
        name: "connections",
        title: "Connections kept alive",
        x: "connections",
        amounts: &[64, 1_000, 8_000],
        with_bare: true,
    },
    Series {
        name: "kept",
        title: "Recent traces kept (the demo)",
        x: "traces",
        amounts: &[0, 100, 10_000],
        with_bare: false,
    },
];

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    fs::create_dir_all(&bench.plots)?;
    let mut all = Vec::new();
    println!("CPU us/request, median (least-most) of {} rounds.\n", bench.rounds);
    println!("| what | amount | bare Rocket | ours | tax |");
    println!("| --- | --- | --- | --- | --- |");
    for series in &ALL {
        let mut lines = vec![Line::new("this project"), Line::new("bare Rocket")];
        for &amount in series.amounts {
            let (ours, bare) = measure(bench, series, amount)?;
            let cpu = |runs: &[Run]| spread(runs.iter().map(|run| run.cpu_us));
            let tax = spread(ours.iter().zip(&bare).map(|(o, b)| o.cpu_us - b.cpu_us));
            let (name, shown) = (series.title, [cpu(&bare), cpu(&ours), tax].map(|s| show(s, 1)));
            println!("| {name} | {amount} | {} | {} | {} |", shown[0], shown[1], shown[2]);
            for (line, runs) in lines.iter_mut().zip([&ours, &bare]) {
                line.points.extend(cpu(runs).map(|spread| (amount as f64, spread)));
            }
            all.extend(ours.into_iter().chain(bare));
        }
        lines.retain(|line| !line.points.is_empty());
        let plot = Plot { title: series.title, x: series.x, y: "CPU us per request", lines };
        fs::write(bench.plots.join(format!("growth-{}.svg", series.name)), plot.svg())?;
    }
    if let Some(path) = &bench.json {
        fs::write(path, serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}

fn measure(bench: &Bench, series: &Series, amount: u64) -> anyhow::Result<(Vec<Run>, Vec<Run>)> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let path = match series.name {
        "spans" => format!("/spans/{amount}"),
        "attributes" => format!("/attributes/{amount}"),
        "routes" => "/route/0".to_owned(),
        _ => HEALTH.to_owned(),
    };
    let script = if series.name == "routes" { Some(every_route(amount)?) } else { None };
    let workload = Workload {
        path: &path,
        connections: if series.name == "connections" { amount as usize } else { bench.connections },
        time: bench.time,
        script: script.as_deref().and_then(Path::to_str),
        spans: if series.name == "spans" { amount + 1 } else { 1 },
    };
    let server = |name| -> anyhow::Result<_> {
        let server = bench.server(name)?;
        Ok(match series.name {
            "routes" => server.with_env("ROUTES", amount),
            "kept" => {
                // Enough bytes for all of them, so that the number is the limit.
                server
                    .with_env("RECENT_TRACES_MAX", amount)
                    .with_env("RECENT_TRACES_MAX_BYTES", 1 << 30)
            }
            _ => server.clone(),
        })
    };
    for round in 0..bench.rounds {
        // Only the demo keeps traces.
        let instrumented = if series.name == "kept" { "demo" } else { "ours" };
        ours.push(one(bench, &server(instrumented)?, round, workload)?);
        if series.with_bare {
            bare.push(one(bench, &server("rocket-bare")?, round, workload)?);
        }
    }
    Ok((ours, bare))
}

/// A wrk script that requests every route in turn.
fn every_route(routes: u64) -> anyhow::Result<std::path::PathBuf> {
    let script = format!(
        "local all, i = {{}}, 0\n\
         function init() for n = 0, {routes} - 1 do all[n] = wrk.format('GET', '/route/' .. n) end end\n\
         function request() i = (i + 1) % {routes}; return all[i] end\n"
    );
    let path = std::env::temp_dir().join(format!("bench-routes-{}.lua", std::process::id()));
    fs::write(&path, script)?;
    Ok(path)
}
