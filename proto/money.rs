//! Amounts: whole minor units of an ISO 4217 currency, and the one rounding rule.

use std::fmt;

use thiserror::Error;

/// An ISO 4217 currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Parses an upper-case code such as `USD`.
    ///
    /// # Errors
    /// If ISO 4217 has no such code, or the currency has no minor unit that an amount could count.
    pub fn parse(code: &str) -> Result<Self, AmountError> {
        let currency = iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .ok_or_else(|| AmountError::UnknownCurrency(code.chars().take(16).collect()))?;
        Ok(Self(currency))
    }

    /// The code, for example `USD`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of the major unit: 2 for USD, 0 for JPY.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Writes an amount in major units with all decimals of the currency: 1234 in USD is `12.34`.
    #[must_use]
    pub fn format(self, minor: i64) -> String {
        crate::quantity::format_scaled(minor, self.decimals(), false)
    }

    /// Reads an amount written in major units, such as `12.34` or `-3`.
    ///
    /// # Errors
    /// If it is not a plain decimal number, has more decimals than the currency or does not fit.
    pub fn parse_amount(self, text: &str) -> Result<i64, AmountError> {
        crate::quantity::parse_scaled(text, self.decimals())
            .ok_or_else(|| AmountError::Malformed { text: text.chars().take(32).collect(), decimals: self.decimals() })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an amount or a currency could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    #[error("{0:?} is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    #[error("{text:?} is not an amount with at most {decimals} decimals")]
    Malformed { text: String, decimals: u32 },
}

/// Cost of a quantity (thousandths) at a cost of one whole unit (minor units), rounded half to even, once.
/// `None` if it does not fit.
#[must_use]
pub fn cost(quantity_milli: i64, unit_cost_minor: i64) -> Option<i64> {
    let exact = i128::from(quantity_milli) * i128::from(unit_cost_minor);
    divide_half_even(exact, 1_000)
}

/// `dividend / divisor`, rounded half to even. `None` if the divisor is not positive or the result does not fit.
#[must_use]
pub fn divide_half_even(dividend: i128, divisor: i128) -> Option<i64> {
    if divisor <= 0 {
        return None;
    }
    let floor = dividend.div_euclid(divisor);
    let twice_rest = dividend.rem_euclid(divisor) * 2;
    let up = twice_rest > divisor || (twice_rest == divisor && floor.rem_euclid(2) == 1);
    i64::try_from(floor + i128::from(up)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_keep_the_decimals_of_their_currency() {
        let usd = Currency::parse("USD").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        assert_eq!(usd.format(-5), "-0.05");
        assert_eq!(usd.format(123_400), "1234.00");
        assert_eq!(jpy.format(1234), "1234");
        assert_eq!(usd.parse_amount("12.3"), Ok(1230));
        assert!(usd.parse_amount("12.345").is_err());
        assert!(jpy.parse_amount("1.0").is_err());
        assert!(Currency::parse("usd").is_err());
        assert!(Currency::parse("XXX").is_err());
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!(cost(500, 1), Some(0));
        assert_eq!(cost(500, 3), Some(2));
        assert_eq!(cost(-500, 3), Some(-2));
        assert_eq!(cost(2_500, 1), Some(2));
        assert_eq!(divide_half_even(1, 0), None);
        assert_eq!(cost(i64::MAX, i64::MAX), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in any::<i64>()) {
            let usd = Currency::parse("USD").unwrap();
            prop_assert_eq!(usd.parse_amount(&usd.format(minor)), Ok(minor));
        }

        #[test]
        fn rounding_is_off_by_half_at_most(quantity in -1_000_000_000_i64..1_000_000_000, unit in 0_i64..100_000_000) {
            let rounded = i128::from(cost(quantity, unit).unwrap()) * 1_000;
            let exact = i128::from(quantity) * i128::from(unit);
            prop_assert!((rounded - exact).abs() <= 500);
            prop_assert_eq!(cost(-quantity, unit), cost(quantity, unit).map(|cost| -cost));
        }
    }
}
