//! Files that may change while a process runs: certificates, keys, tokens.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::BoxError;

/// How often files are looked at.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Largest file that is looked at.
const MAX_BYTES: u64 = 1024 * 1024;

/// What stood in some files at one moment; nothing for a file that could not be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
    paths: Vec<PathBuf>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Contents").field(&self.paths).finish()
    }
}

impl Contents {
    /// Reads the files as they are now.
    #[must_use]
    pub fn now(paths: &[PathBuf]) -> Self {
        let files = paths.iter().map(|path| (path.clone(), read(path))).collect();
        Self { files, paths: paths.to_vec() }
    }

    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// True if a file is not as it was.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.files.iter().any(|(path, content)| read(path) != *content)
    }

    /// The bytes of one of the files.
    ///
    /// # Errors
    /// If it could not be read or is larger than 1 MiB.
    pub fn bytes(&self, path: &Path) -> Result<&[u8], BoxError> {
        let found = self.files.iter().find(|(known, _)| known == path).and_then(|(_, content)| content.as_deref());
        found.ok_or_else(|| format!("{} cannot be read, or is larger than 1 MiB", path.display()).into())
    }

    /// One of the files as text.
    ///
    /// # Errors
    /// If it could not be read, is larger than `max_bytes` or is not UTF-8.
    pub fn text(&self, path: &Path, max_bytes: usize) -> Result<String, BoxError> {
        let bytes = self.bytes(path)?;
        if bytes.len() > max_bytes {
            return Err(format!("{} is larger than {max_bytes} bytes", path.display()).into());
        }
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("{} is not UTF-8", path.display()).into())
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= MAX_BYTES).then_some(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_is_noticed_and_so_is_an_absence() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "one").unwrap();
        let contents = Contents::now(std::slice::from_ref(&path));
        assert!(!contents.has_changed());
        assert_eq!(contents.text(&path, 10).unwrap(), "one");
        assert!(contents.text(&path, 2).is_err());
        fs::write(&path, "two").unwrap();
        assert!(contents.has_changed());
        fs::remove_file(&path).unwrap();
        assert!(contents.has_changed());
        assert!(Contents::now(std::slice::from_ref(&path)).bytes(&path).is_err());
        assert!(!format!("{contents:?}").contains("one"));
    }
}
