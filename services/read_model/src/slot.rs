//! Places that are found by hashing: the slot of a document and the page of an entry. Both stand in stored documents, so
//! the hash is fixed for ever and written out here.

/// Number of slots. A process that is shard `i` of `n` owns the documents whose slot leaves the rest `i` when divided by
/// `n`; because a document keeps its slot, `n` can change without a rebuild. 1,024 spread evenly over some hundred
/// processes.
pub const SLOTS: u32 = 1_024;

/// The slot of the document with this id. The pages of a report have the slot of its head, so that one process owns all.
#[must_use]
pub fn slot(head_id: &str) -> i32 {
    place(head_id, SLOTS)
}

/// True if shard `shard` of `shards` owns the slot.
#[must_use]
pub fn owns(shard: u32, shards: u32, slot: i32) -> bool {
    u32::try_from(slot).is_ok_and(|slot| slot.checked_rem(shards) == Some(shard))
}

/// The page, out of so many, on which the entry of this id stands.
#[must_use]
pub fn page(entry_id: &str, pages: u32) -> i32 {
    place(entry_id, pages)
}

fn place(text: &str, places: u32) -> i32 {
    let place = hash(text).checked_rem(u64::from(places)).unwrap_or(0);
    i32::try_from(place).unwrap_or(0)
}

/// FNV-1a over the bytes, then the finalizer of MurmurHash3: the low bits of FNV-1a alone are uneven over short numbers.
fn hash(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_never_change() {
        assert_eq!([slot("2017-01-02|443"), slot("443|07"), slot("")], [783, 10, 294]);
        assert_eq!([page("844179", 64), page("844179", 16)], [4, 4]);
    }

    #[test]
    fn each_slot_has_one_owner() {
        for shards in 1..=5 {
            let owners = |slot| (0..shards).filter(|shard| owns(*shard, shards, slot)).count();
            assert!((0..1_024).all(|slot| owners(slot) == 1));
        }
        assert!(!owns(0, 0, 7) && !owns(0, 1, -1));
    }

    #[test]
    fn numbers_spread_evenly() {
        let mut counts = [0_u32; 16];
        for item in 0..16_000 {
            counts[usize::try_from(page(&item.to_string(), 16)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
