//! Rocket without instrumentation: the baseline.

#[rocket::main]
async fn main() -> Result<(), Box<rocket::Error>> {
    let rocket = rocket::custom(bench_rocket::figment()).mount("/", bench_rocket::all());
    rocket.launch().await?;
    Ok(())
}
