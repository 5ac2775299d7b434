//! Configuration from the environment. All mistakes are reported together, before anything starts.

use std::{collections::HashMap, env, fmt, str::FromStr};

use thiserror::Error;

/// Reads variables and gathers what is wrong with them.
#[derive(Debug)]
pub struct Env {
    variables: HashMap<String, String>,
    errors: Vec<String>,
}

impl Env {
    /// The environment of this process.
    #[must_use]
    pub fn process() -> Self {
        Self::of(env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))))
    }

    /// A given environment, for tests.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, errors: Vec::new() }
    }

    /// A variable that must be set. `None` if it is not or cannot be read; `finish` then fails.
    pub fn required<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let value = self.optional(name);
        if value.is_none() && self.text(name).is_none() {
            self.errors.push(format!("{name} must be set"));
        }
        value
    }

    /// A variable that may be missing or empty.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                // The value itself is not shown: it may be a secret.
                self.errors.push(format!("{name} cannot be read: {error}"));
                None
            }
        }
    }

    /// A variable with a default.
    pub fn or<T: FromStr>(&mut self, name: &str, default: T) -> T
    where
        T::Err: fmt::Display,
    {
        self.optional(name).unwrap_or(default)
    }

    /// A number that must lie within bounds, with a default.
    pub fn within<T>(&mut self, name: &str, default: T, bounds: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
        T::Err: fmt::Display,
    {
        let value = self.or(name, default);
        if !bounds.contains(&value) {
            self.errors.push(format!("{name} must lie between {} and {}, not {value}", bounds.start(), bounds.end()));
        }
        value
    }

    /// Adds a mistake that concerns several variables.
    pub fn wrong(&mut self, mistake: impl Into<String>) {
        self.errors.push(mistake.into());
    }

    /// The configuration, if nothing was wrong.
    ///
    /// # Errors
    /// All mistakes, if there was one.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, ConfigErrors> {
        match config {
            Some(config) if self.errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(self.errors)),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|text| !text.is_empty()).cloned()
    }
}

/// What is wrong with the configuration.
#[derive(Debug, Error)]
#[error("the configuration is wrong: {}", .0.join("; "))]
pub struct ConfigErrors(Vec<String>);

/// A value that is never printed, such as a URL with a password.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: FromStr> FromStr for Secret<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_reported_together() {
        let mut env = Env::of([("PORT", "many"), ("SIZE", "9"), ("EMPTY", "")]);
        let port: Option<u16> = env.required("PORT");
        let url: Option<Secret<String>> = env.required("URL");
        let size = env.within("SIZE", 1_u32, 1..=5);
        assert_eq!(env.or("EMPTY", 7_u32), 7);
        let message = env.finish(port.zip(url).map(|_| size)).unwrap_err().to_string();
        for part in ["PORT cannot be read", "URL must be set", "SIZE must lie between 1 and 5, not 9"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("password".to_owned())), "Secret(…)");
    }
}
