//! What decodes the files of an import, for the fuzz targets in fuzz/.

use std::path::Path;

use indicatif::ProgressBar;

use super::{FILES, catalogue, deliveries, sales, stores::Stores};

/// Names of the files that an import reads.
pub const NAMES: [&str; FILES.len()] = FILES;

/// Reads all files of a directory and answers how many commands and how many refusals came of it.
///
/// # Panics
/// If a file cannot be read.
#[must_use]
pub fn read(directory: &Path) -> [usize; 2] {
    let stores = Stores::of(&[("154", "USD"), ("286", "JPY")]);
    let progress = ProgressBar::hidden();
    let mut counts = [0; 2];
    macro_rules! read {
        ($reader:path $(, $stores:expr)?) => {
            let read = $reader(directory $(, $stores)?, &progress, &mut |parsed| {
                counts[usize::from(matches!(parsed, super::source::Parsed::Refused(_)))] += 1;
                Ok(())
            });
            assert!(read.is_ok(), "the files can be read");
        };
    }
    read!(catalogue::suppliers);
    read!(catalogue::stores);
    read!(catalogue::items);
    read!(deliveries::deliveries, &stores);
    read!(sales::sales, &stores);
    counts
}
