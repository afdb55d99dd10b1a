//! Log records over a transport that makes log records of its own.

use crate::kit::{Program, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

#[test]
fn exporting_log_records_makes_none() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_LOG_LEVEL", "trace"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "5"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        receiver.wait_for_logs(1, SOON);
        let requests = receiver.request_count(Signal::Logs);
        // Each export that makes a record makes another export.
        for _ in 0..5 {
            server.get("/api/users");
        }
        receiver.wait_for_spans(10, SOON);
        let requests = receiver.request_count(Signal::Logs) - requests;
        assert!(requests < 50, "{protocol}: {requests} exports in a second");
        let chatter: Vec<_> = receiver.logs();
        let chatter = chatter.iter().filter_map(|log| log.body.as_str());
        let chatter: Vec<_> = chatter.filter(|body| body.contains("/v1/logs")).collect();
        assert!(chatter.is_empty(), "{protocol}: {chatter:?}");
        server.end();
    });
}
