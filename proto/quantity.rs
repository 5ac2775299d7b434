//! Quantities: whole thousandths of a UN/ECE unit.

/// Decimals of every quantity.
pub const DECIMALS: u32 = 3;

/// UN/ECE Recommendation 20 codes that goods of a retailer are counted, weighed and measured in.
const UNIT_CODES: &[&str] = &[
    "BG", "BO", "BX", "C62", "CMK", "CMT", "CS", "CT", "DZN", "EA", "FOT", "FTK", "GLI", "GLL", "GRM", "H87", "HUR",
    "INH", "KGM", "LBR", "LTR", "MGM", "MLT", "MMT", "MTK", "MTQ", "MTR", "NAR", "NPR", "ONZ", "OZA", "PA", "PF", "PK",
    "PR", "PT", "PTI", "PTL", "QT", "QTI", "QTL", "RO", "SET", "ST", "TNE", "YRD",
];

/// True if the code is one of the units that Daybook knows (`EA`, `KGM`, `GLL` …).
#[must_use]
pub fn is_unit_code(code: &str) -> bool {
    UNIT_CODES.binary_search(&code).is_ok()
}

/// All unit codes that Daybook knows, in order.
#[must_use]
pub fn unit_codes() -> &'static [&'static str] {
    UNIT_CODES
}

/// Writes a quantity without trailing zeros: 9530 is `9.53`, 6000 is `6`.
#[must_use]
pub fn format(milli: i64) -> String {
    format_scaled(milli, DECIMALS, true)
}

/// Reads a quantity of at most three decimals, such as `9.53` or `6`.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    parse_scaled(text, DECIMALS)
}

/// True if the quantity uses at most so many of its three decimals.
#[must_use]
pub fn fits_decimals(milli: i64, decimals: u32) -> bool {
    let step = 10_i64.pow(DECIMALS.saturating_sub(decimals));
    milli % step == 0
}

/// Writes `scaled / 10^decimals` exactly, with all decimals or without trailing zeros.
pub(crate) fn format_scaled(scaled: i64, decimals: u32, trim: bool) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let scale = 10_u64.pow(decimals);
    let (whole, rest) = (scaled.unsigned_abs() / scale, scaled.unsigned_abs() % scale);
    let mut text = format!("{sign}{whole}");
    if decimals > 0 && !(trim && rest == 0) {
        let fraction = format!("{rest:0width$}", width = decimals as usize);
        text.push('.');
        text.push_str(if trim { fraction.trim_end_matches('0') } else { &fraction });
    }
    text
}

/// Reads an optional `-`, digits, and at most `decimals` digits after a point. `None` for anything else.
pub(crate) fn parse_scaled(text: &str, decimals: u32) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let dangling_point = digits.contains('.') && fraction.is_empty();
    if whole.is_empty() || dangling_point || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction_digits = u32::try_from(fraction.len()).ok().filter(|len| *len <= decimals)?;
    // Summed below zero, because i64::MIN has no positive counterpart.
    let mut value = 0_i64;
    for byte in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))?;
    }
    value = value.checked_mul(10_i64.pow(decimals - fraction_digits))?;
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unit_codes_are_sorted_for_the_search() {
        assert!(UNIT_CODES.is_sorted());
        assert!(is_unit_code("GLL") && is_unit_code("EA") && !is_unit_code("ea") && !is_unit_code("XYZ"));
    }

    #[test]
    fn only_plain_decimals_are_read() {
        assert_eq!(parse("9.53"), Some(9_530));
        assert_eq!(parse("-0.001"), Some(-1));
        for bad in ["", "-", ".", "1.", ".5", "1.2345", "1e3", "+1", " 1", "1,5", "٣", "99999999999999999999"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert!(fits_decimals(2_000, 0) && !fits_decimals(2_500, 0) && fits_decimals(2_500, 1));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(milli in any::<i64>()) {
            prop_assert_eq!(parse(&format(milli)), Some(milli));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse(&text);
        }
    }
}
