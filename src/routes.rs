//! The endpoints of the demo. Each calls a typed handler; `app` mounts them with
//! [`traced`](rocket_opentelemetry::traced), so each handler runs inside the span of its request.

use handlers::{Chain, Error, Health, Index, Processed, Users};
use rocket::form::{self, FromFormField, ValueField};
use rocket::serde::json::Json;
use rocket::{Route, State, get, routes};

use crate::dashboard::Dashboard;
use crate::negotiation::{Negotiated, Preferred};
use crate::platform::NativePlatform;
use crate::responders::ErrorResponse;

/// The handlers on this server's platform: managed state.
pub type Demo = handlers::Demo<NativePlatform>;

/// All traced endpoints.
pub(crate) fn all() -> Vec<Route> {
    routes![index, users, process, error, health, chain]
}

#[get("/")]
async fn index(
    demo: &State<Demo>,
    dashboard: &State<Dashboard>,
    preferred: Preferred,
) -> Negotiated<Index> {
    match preferred {
        Preferred::Json => Negotiated::json(demo.index().await),
        Preferred::Html => Negotiated::html(dashboard.index_page()),
    }
}

#[get("/api/users")]
async fn users(demo: &State<Demo>) -> Json<Users> {
    Json(demo.users().await)
}

#[get("/api/process")]
async fn process(demo: &State<Demo>) -> Json<Processed> {
    Json(demo.process().await)
}

#[get("/api/error")]
async fn error(demo: &State<Demo>) -> ErrorResponse {
    demo.error().await.into()
}

#[get("/health")]
async fn health(demo: &State<Demo>) -> Json<Health> {
    Json(demo.health().await)
}

/// With a plain `Hops`, an invalid value would not match the route at all: its span would have no
/// `http.route`, and its answer would come from a catcher that does not know what is expected.
#[get("/api/chain?<hops>")]
async fn chain(
    demo: &State<Demo>,
    hops: form::Result<'_, Hops>,
) -> Result<Json<Chain>, ErrorResponse> {
    let hops = hops.map(|Hops(hops)| hops).map_err(|_| Error::InvalidHops);
    Ok(Json(demo.chain(hops).await?))
}

/// [`handlers::Hops`] as a query parameter.
struct Hops(handlers::Hops);

impl<'v> FromFormField<'v> for Hops {
    fn from_value(field: ValueField<'v>) -> form::Result<'v, Self> {
        Ok(Self(field.value.parse().map_err(form::Error::custom::<Error>)?))
    }

    fn default() -> Option<Self> {
        Some(Self(handlers::Hops::default()))
    }
}
