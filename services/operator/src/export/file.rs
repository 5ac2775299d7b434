//! A CSV file that gets its name when it is complete.

use std::{
    fs::Permissions,
    io::{self, BufWriter},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use super::ExportedFile;
use crate::{error::Error, notices::Notices};

/// Readable for all, as far as the user's mask allows: an export is made to be passed on.
const MODE: u32 = 0o666;

/// A file that is being written. Dropped before its end, it leaves nothing behind.
pub(crate) struct Writing {
    name: &'static str,
    path: PathBuf,
    writer: csv::Writer<BufWriter<NamedTempFile>>,
    rows: u64,
    progress: ProgressBar,
}

impl Writing {
    /// Begins a file with its header.
    pub(crate) fn begin(
        directory: &Path,
        name: &'static str,
        header: &[&str],
        notices: &Notices,
    ) -> Result<Self, Error> {
        let path = directory.join(name);
        // In the same directory, because a file cannot be renamed across file systems.
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(directory)
            .map_err(|cause| unwritable(&path, cause))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        writer.write_record(header).map_err(|error| unwritable(&path, error.into()))?;
        Ok(Self { name, path, writer, rows: 0, progress: notices.count(name) })
    }

    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> Result<(), Error> {
        let cells = cells.into_iter().map(|cell| cell.as_ref().as_bytes().to_vec());
        self.writer.write_record(cells).map_err(|error| unwritable(&self.path, error.into()))?;
        self.rows += 1;
        self.progress.inc(1);
        Ok(())
    }

    /// Rows that were written, without the header.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<ExportedFile, Error> {
        let Self { name, path, writer, rows, progress } = self;
        let persisted = writer
            .into_inner()
            .map_err(|error| io::Error::new(error.error().kind(), error.error().to_string()))
            .and_then(|buffered| buffered.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|file| {
                file.as_file().sync_all()?;
                file.persist(&path).map_err(io::Error::from)
            });
        persisted.map_err(|cause| unwritable(&path, cause))?;
        progress.finish_and_clear();
        Ok(ExportedFile { file: name, rows })
    }
}

fn unwritable(path: &Path, cause: io::Error) -> Error {
    Error::io(format!("cannot write {}", path.display()), cause)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stock.csv");
        fs::write(&path, "before").unwrap();
        let notices = Notices::kept();
        let mut writing = Writing::begin(directory.path(), "stock.csv", &["store_id", "on_hand"], &notices).unwrap();
        writing.row(["443", "9.53"]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(writing.finish().unwrap(), ExportedFile { file: "stock.csv", rows: 1 });
        assert_eq!(fs::read_to_string(&path).unwrap(), "store_id,on_hand\n443,9.53\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0o600);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(Writing::begin(directory.path(), "stock.csv", &["a"], &Notices::kept()).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
