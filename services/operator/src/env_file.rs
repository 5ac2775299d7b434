//! `.daybook/env`: where the services of a checkout are, as KEY=VALUE lines that `deploy/local.sh up` writes.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::error::Error;

/// Where the file is, below the working directory or one of its parents.
const PLACE: &str = ".daybook/env";

/// Largest file that is read: some dozens of settings with room for keys.
const MAX_BYTES: u64 = 64 * 1024;

/// The settings of the nearest `.daybook/env`, from `start` upwards. None if there is no such file.
///
/// # Errors
/// If the file cannot be read or a line of it is not KEY=VALUE.
pub(crate) fn nearest(start: &Path) -> Result<HashMap<String, String>, Error> {
    for directory in start.ancestors() {
        let path = directory.join(PLACE);
        match File::open(&path) {
            Ok(file) => return parse(&path, &read(&path, file)?),
            Err(cause) if is_absence(cause.kind()) => {}
            Err(cause) => return Err(Error::io(format!("cannot open {}", path.display()), cause)),
        }
    }
    Ok(HashMap::new())
}

fn is_absence(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(path: &Path, file: File) -> Result<String, Error> {
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|cause| Error::io(format!("cannot read {}", path.display()), cause))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::Usage(format!("{} is larger than {MAX_BYTES} bytes", path.display())));
    }
    Ok(text)
}

/// Lines are KEY=VALUE as a shell reads them: `export` before the key, quotes around the value and comments are allowed.
fn parse(path: &Path, text: &str) -> Result<HashMap<String, String>, Error> {
    let mut settings = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let assignment = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = assignment.split_once('=').filter(|(key, _)| is_key(key)) else {
            // The line itself is not repeated: it may hold a secret.
            let place = format!("{}:{}", path.display(), index + 1);
            return Err(Error::Usage(format!("{place}: a line must be KEY=VALUE or a comment that begins with #")));
        };
        settings.insert(key.to_owned(), unquoted(value.trim()).to_owned());
    }
    Ok(settings)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".daybook")).unwrap();
        fs::write(root.path().join(PLACE), text).unwrap();
        root
    }

    #[test]
    fn the_nearest_file_is_found_from_below() {
        let root = written("DAYBOOK_COMMAND_ENDPOINT=http://outer\n");
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(nearest(&inner).unwrap()["DAYBOOK_COMMAND_ENDPOINT"], "http://outer");
        fs::create_dir_all(inner.join(".daybook")).unwrap();
        fs::write(inner.join(PLACE), "DAYBOOK_COMMAND_ENDPOINT=http://inner").unwrap();
        assert_eq!(nearest(&inner).unwrap()["DAYBOOK_COMMAND_ENDPOINT"], "http://inner");
    }

    #[test]
    fn comments_quotes_and_export_are_understood() {
        let root = written("# where\n\nexport A=1\nB=\"two words\"\nC='x=y'\nD=\n");
        let settings = nearest(root.path()).unwrap();
        assert_eq!([&settings["A"], &settings["B"], &settings["C"], &settings["D"]], ["1", "two words", "x=y", ""]);
    }

    #[test]
    fn a_line_that_is_none_is_named_without_being_repeated() {
        let root = written("A=1\nsecret words\n");
        let error = nearest(root.path()).unwrap_err();
        assert!(error.to_string().ends_with("env:2: a line must be KEY=VALUE or a comment that begins with #"));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let root = written(&"#".repeat(70_000));
        assert!(nearest(root.path()).unwrap_err().to_string().contains("larger than"));
    }
}
