//! How long a call may still take.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Deadline of a call whose caller set none.
pub const DEFAULT: Duration = Duration::from_secs(10);

/// Longest deadline that a unary call is given, whatever the caller asks for: nothing here takes longer, and a forgotten
/// call must not hold its place for ever.
pub const MAX: Duration = Duration::from_secs(60);

/// The answer leaves so long before the deadline, or a tenth of the time if that is less, because after it the caller only reads
/// CANCELLED: enough for a busy machine to get it there.
const MARGIN: Duration = Duration::from_millis(500);

/// When the answer to a call must be on its way.
#[must_use]
pub fn of(metadata: &MetadataMap) -> Instant {
    let asked = metadata.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    let timeout = asked.unwrap_or(DEFAULT).min(MAX);
    let margin = MARGIN.min(timeout / 10);
    Instant::now() + timeout.saturating_sub(margin)
}

/// Reads the header `grpc-timeout`: at most 8 digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read() {
        assert_eq!(parse("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        for bad in ["", "m", "1", "123456789S", "-1S", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_bounded() {
        let now = Instant::now();
        let mut metadata = MetadataMap::new();
        assert_eq!(of(&metadata), now + DEFAULT - MARGIN);
        metadata.insert("grpc-timeout", "1H".parse().unwrap());
        assert_eq!(of(&metadata), now + MAX - MARGIN);
        metadata.insert("grpc-timeout", "20m".parse().unwrap());
        assert_eq!(of(&metadata), now + Duration::from_millis(18));
    }
}
