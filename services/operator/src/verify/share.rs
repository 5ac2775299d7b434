//! Shares of the documents: what is folded at once, so that memory is bounded.

use daybook_read_model::slot::{SLOTS, owns, slot};

/// The documents whose slot leaves the rest `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    index: u32,
    count: u32,
}

impl Share {
    /// True if the document (or row) of this id is in the share.
    pub(super) fn has(self, id: &str) -> bool {
        owns(self.index, self.count, slot(id))
    }

    /// Two halves; `None` if there is nothing to divide.
    fn halves(self) -> Option<[Self; 2]> {
        let count = self.count * 2;
        (count <= SLOTS).then_some([Self { index: self.index, count }, Self { index: self.index + self.count, count }])
    }

    /// The number of this share among as many of its size, from 1.
    pub(super) fn name(self) -> String {
        if self.count == 1 { "log".to_owned() } else { format!("log {}/{}", self.index + 1, self.count) }
    }
}

/// The shares that are left.
#[derive(Debug)]
pub(super) struct Shares(Vec<Share>);

impl Default for Shares {
    fn default() -> Self {
        Self(vec![Share { index: 0, count: 1 }])
    }
}

impl Shares {
    pub(super) fn next(&mut self) -> Option<Share> {
        self.0.pop()
    }

    /// Half of a share; the other half is left for later. `None` if it cannot be divided.
    pub(super) fn divide(&mut self, share: Share) -> Option<Share> {
        let [half, other] = share.halves()?;
        self.0.push(other);
        Some(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_is_in_one_share_however_they_are_divided() {
        let mut shares = Shares::default();
        let mut done = Vec::new();
        while let Some(mut share) = shares.next() {
            // Some are divided twice, some not at all.
            for _ in 0..(done.len() + 2) % 3 {
                // Nothing is left to divide at last.
                share = shares.divide(share).unwrap_or(share);
            }
            done.push(share);
            if done.len() > 40 {
                break;
            }
        }
        done.extend(std::iter::from_fn(|| shares.next()));
        for document in 0..2_000 {
            let id = format!("2017-01-02|{document}");
            assert_eq!(done.iter().filter(|share| share.has(&id)).count(), 1, "{id}");
        }
    }
}
