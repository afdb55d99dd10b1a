//! The variables: every value has a configuration within bounds, an invalid one is named, and no secret is shown.

use opentelemetry_autoconfigure::{Config, VARIABLES, Variables};

/// The variables' parser, of a `NAME=value` on each line.
pub fn variables(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    check(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>());
}

type Pairs = Vec<(String, String)>;

/// Every name of the table, a signal's own too, but for those that name files to read.
fn names() -> impl Iterator<Item = String> {
    let all = VARIABLES.iter().flat_map(|variable| {
        let signals = ["", "TRACES_", "METRICS_", "LOGS_"];
        let count = if variable.name.contains("{SIGNAL}") { signals.len() } else { 1 };
        let name = |signal| variable.name.replace("{SIGNAL}", signal);
        signals.into_iter().take(count).map(name)
    });
    all.filter(|name| !["CERTIFICATE", "CLIENT_KEY"].iter().any(|file| name.ends_with(file)))
}

fn parse(pairs: &Pairs) -> Config {
    let variables: Variables = pairs.iter().cloned().collect();
    Config::from_variables(&variables).unwrap_or_else(|error| panic!("{error}"))
}

fn check(pairs: &Pairs) {
    let known: Vec<_> = names().collect();
    let set: Pairs = pairs.iter().filter(|(name, _)| known.contains(name)).cloned().collect();
    let config = parse(&set);
    check_warnings(&set, &config);
    check_bounds(&config);
    check_debug(&config);
    check_empty(&set, &known, &config);
    check_unknown(&set, &config);
}

/// A warning names a variable that is set, and its value unless that may be a secret.
fn check_warnings(set: &Pairs, config: &Config) {
    for warning in &config.warnings {
        let named = |name: &str| {
            ["=", " "].iter().any(|end| warning.starts_with(&format!("invalid {name}{end}")))
        };
        // Of a name that stands twice, the last counts.
        let found = set.iter().rfind(|(name, _)| named(name));
        let Some((name, value)) = found.filter(|(_, value)| !value.trim().is_empty()) else {
            panic!("{warning} is about nothing that is set: {set:?}");
        };
        let is_address = name.ends_with("ENDPOINT");
        let secret = name.ends_with("HEADERS") || (is_address && value.contains(['@', '?']));
        assert_eq!(warning.contains("(value not shown)"), secret, "{warning}");
        assert!(warning.contains(": expected ") && warning.contains("; using "), "{warning}");
        assert_eq!(warning.lines().count(), 1, "{warning}");
    }
}

fn check_bounds(config: &Config) {
    for batch in [config.span_batch, config.log_batch] {
        assert!((1..=batch.queue).contains(&batch.batch), "{batch:?}");
    }
    assert!((0.0..=1.0).contains(&config.sampling.ratio), "{:?}", config.sampling);
    assert!(!config.metric_interval.is_zero() && !config.service_name.is_empty());
    for signal in [&config.traces, &config.metrics, &config.logs] {
        assert!(!signal.otlp.timeout.is_zero() && signal.exporters.len() <= 2);
        let scheme = signal.otlp.endpoint.uri.scheme_str();
        assert!(matches!(scheme, Some("http" | "https")), "{signal:?}");
        let endpoint = signal.otlp.endpoint.to_string();
        let authority = endpoint.split('/').nth(2).unwrap_or_default();
        assert!(!authority.contains('@') && !endpoint.contains('?'), "{endpoint}");
    }
}

/// Debug output is the same whatever the headers hold.
fn check_debug(config: &Config) {
    let mut other = config.clone();
    for signal in [&mut other.traces, &mut other.metrics, &mut other.logs] {
        signal.otlp.headers.iter_mut().for_each(|(_, value)| value.insert_str(0, "s3cret"));
    }
    assert_eq!(format!("{config:?}"), format!("{other:?}"));
}

/// A variable that is empty is as if it were not set.
fn check_empty(set: &Pairs, known: &[String], config: &Config) {
    let unset = known.iter().filter(|name| set.iter().all(|(other, _)| other != *name));
    let empty: Pairs = unset.map(|name| (name.clone(), " ".to_owned())).collect();
    let all = [set.clone(), empty].concat();
    assert_eq!(format!("{:?}", parse(&all)), format!("{config:?}"));
}

/// An unknown variable changes nothing, and is named.
fn check_unknown(set: &Pairs, config: &Config) {
    let typo = ("OTEL_EXPORTER_OTLP_HEADER".to_owned(), "x-api-key=t0ken!".to_owned());
    let more = parse(&[set.clone(), vec![typo]].concat());
    assert_eq!(more.warnings.len(), config.warnings.len() + 1, "{more:?}");
    let text = format!("{more:?}");
    assert!(
        text.contains("unknown variable OTEL_EXPORTER_OTLP_HEADER ") && !text.contains("t0ken!")
    );
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = String> {
        let words = [
            "otlp",
            "console",
            "none",
            "otlp,console",
            "true",
            "FALSE",
            "grpc",
            "http/protobuf",
            "gzip",
            "traceidratio",
            "parentbased_always_off",
            "0.25",
            "-1",
            "18446744073709551616",
            "delta",
            "http://u:s3cret@collector:4317/?k=s3cret",
            "ftp://u:s3cret@x",
            "localhost:4317",
            "http://",
            "a=b",
            "a=%zz",
            "x-api-key=s3cret,y",
            "trace",
            "tracecontext",
            "service.name=a,b=c",
        ];
        prop_oneof![
            4 => prop::sample::select(Vec::from(words)).prop_map(str::to_owned),
            2 => "[0-9]{0,20}",
            1 => "https?://[a-z@:0-9?/\\[\\]]{0,12}",
            1 => any::<String>(),
        ]
    }

    fn some_set() -> impl Strategy<Value = Pairs> {
        let names: Vec<_> = names().collect();
        prop::collection::vec((prop::sample::select(names), value()), 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn any_value_has_a_configuration_within_bounds_and_an_invalid_one_is_named(set in some_set()) {
            check(&set);
        }

        #[test]
        fn no_warning_and_no_debug_output_shows_a_secret(
            signal in prop::sample::select(&["", "TRACES_", "METRICS_", "LOGS_"][..]),
            before in "[^=]{0,5}", after in any::<String>(),
        ) {
            let headers = format!("OTEL_EXPORTER_OTLP_{signal}HEADERS");
            let endpoint = format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT");
            for (name, value) in [
                (headers, format!("{before}=hunter2{after}")),
                (endpoint.clone(), format!("ftp://{before}:hunter2@{after}")),
                (endpoint, format!("http://{after}/?{before}=hunter2 ")),
            ] {
                let shown = format!("{:?}", parse(&vec![(name, value)]));
                prop_assert!(!shown.contains("hunter2"), "{shown}");
            }
        }

        #[test]
        fn headers_arrive_as_they_were_before_they_were_encoded(
            sent in prop::collection::vec(("[a-z-]{1,9}", "[ -~]{0,9}"), 1..5),
        ) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let list: Vec<_> =
                sent.iter().map(|(name, value)| format!(" {name}={} ", encode(value))).collect();
            let set = vec![("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), list.join(","))];
            let config = parse(&set);
            prop_assert_eq!(config.logs.otlp.headers, sent);
        }

        #[test]
        fn the_variable_of_a_signal_takes_precedence_whatever_the_general_one_is(general in value(), millis in 1..9_000_u64) {
            let set = vec![
                ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT".to_owned(), millis.to_string()),
                ("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), general),
                ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT".to_owned(), "1".to_owned()),
                ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT".to_owned(), "2".to_owned()),
            ];
            let config = parse(&set);
            let all = [config.traces, config.metrics, config.logs];
            let millis_of = all.map(|signal| u64::try_from(signal.otlp.timeout.as_millis()).ok());
            prop_assert_eq!(millis_of, [Some(millis), Some(1), Some(2)]);
        }
    }
}
