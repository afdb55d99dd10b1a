//! Which spans were taken: 16 bytes of trace and 8 of span each, in a file that outlives the process.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::proto::{fields, spans};

pub(crate) struct Journal(File);

impl Journal {
    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self(file.expect("the journal can be written"))
    }

    /// Writes down the spans of an export, but for the first few.
    pub(crate) fn write(&self, export: &[u8], rejected: usize) {
        let mut ids = Vec::new();
        for span in spans(export).skip(rejected) {
            for number in [1, 2] {
                ids.extend_from_slice(fields(span, number).next().unwrap_or_default());
            }
        }
        (&self.0).write_all(&ids).expect("the journal can be written");
    }
}
