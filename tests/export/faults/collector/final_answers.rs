//! Answers after which nothing may be sent again.

use super::MANY;
use crate::kit::over_both;
use crate::kit::watched::{BEGINS, ENDS, Watched};
use otlp_receiver::{Behaviour, Receiver, Signal};

#[test]
fn unimplemented() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unimplemented);
        let mut server = Watched::start(&receiver.endpoint(), protocol, &[]);
        server.answers(MANY);
        let line = server.wait_for(BEGINS);
        assert!(line.contains("it takes no traces"), "{line}");
        assert_eq!(server.settled(), (0, MANY), "{protocol}");
        let shown = format!("{MANY} dropped");
        let page = server.page();
        assert!(page.contains(&shown), "{protocol}: no {shown} on the page:\n{page}");
        server.settled();
        receiver.set(Behaviour::Accept);
        server.answers(3);
        let line = server.wait_for(ENDS);
        let last = server.end(Some(&receiver));
        last.outages(1, 1);
        // The page's own span, too, was refused.
        assert_eq!((last.exported, last.lost), (3, MANY + 1), "{protocol}");
        assert!(line.contains(&format!("; {} lost meanwhile", last.lost)), "{line}");
    });
}

#[test]
fn rejected_in_part() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let message = "attributes too long".to_owned();
        receiver.set(Behaviour::PartialSuccess { rejected: 2, message });
        let batches = [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")];
        let mut server = Watched::start(&receiver.endpoint(), protocol, &batches);
        server.answers(MANY);
        let line = server.wait_for("rejected 2 of an export");
        assert!(line.contains("attributes too long"), "{line}");
        let (dropped, rejected) = server.settled();
        let exports = receiver.request_count(Signal::Traces);
        assert!(exports >= 10, "{protocol}: {exports} exports");
        receiver.set(Behaviour::Accept);
        server.answers(3);
        let line = server.wait_for("rejects nothing any more");
        assert_eq!(server.settled(), (dropped, rejected), "{protocol}");
        let last = server.end(None);
        assert_eq!((dropped, rejected), (0, last.lost), "{protocol}");
        // An export of a single span cannot have two of it rejected.
        let most = 2 * exports as u64;
        assert!(
            last.lost > most / 2 && last.lost <= most,
            "{protocol}: {exports} exports, {last:?}"
        );
        assert!(line.contains(&format!("; {} rejected meanwhile", last.lost)), "{line}");
        let lines = last.stderr.lines().filter(|line| line.contains("of an export: "));
        assert_eq!(lines.count(), 1, "{protocol}: a line for each export: {last:?}");
        // It keeps what it calls rejected.
        assert_eq!(receiver.spans().len() as u64, last.exported + last.lost, "{protocol}");
    });
}
