//! What the fuzz targets share. The bound on memory is set where they are run: deploy/check/fuzz.sh.

/// The first byte, which says what the others are, and the others.
#[must_use]
pub fn choice(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}
