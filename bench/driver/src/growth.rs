//! Cost against amount: it should grow in a line, and no faster than bare Rocket's own.

use std::fs;
use std::path::Path;

use crate::Bench;
use crate::load::HEALTH;
use crate::plot::{Line, Plot};
use crate::stats::{show, spread};
use crate::table::{Ask, Run, one};

/// One thing that grows.
struct Series {
    name: &'static str,
    title: &'static str,
    x: &'static str,
    amounts: &'static [u64],
    /// Whether bare Rocket can grow alongside.
    with_bare: bool,
}

const ALL: [Series; 5] = [
    Series {
        name: "spans",
        title: "Spans a request",
        x: "spans within the request's own",
        amounts: &[1, 5, 50],
        with_bare: true,
    },
    Series {
        name: "attributes",
        title: "Attributes a span",
        x: "attributes that the handler adds",
        amounts: &[5, 20, 100],
        with_bare: true,
    },
    Series {
        name: "routes",
        title: "Routes mounted, all of them asked",
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
        title: "Recent traces kept",
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
        let plot = Plot { title: series.title, x: series.x, y: "CPU us a request", lines };
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
    let ask = Ask {
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
                // Bytes enough for all of them, for it is the number that is looked at.
                server
                    .with_env("RECENT_TRACES_MAX", amount)
                    .with_env("RECENT_TRACES_MAX_BYTES", 1 << 30)
            }
            _ => server.clone(),
        })
    };
    for round in 0..bench.rounds {
        ours.push(one(bench, &server("ours")?, round, ask)?);
        if series.with_bare {
            bare.push(one(bench, &server("rocket-bare")?, round, ask)?);
        }
    }
    Ok((ours, bare))
}

/// A script for wrk that asks for every route in turn.
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
