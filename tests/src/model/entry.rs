//! An object of the model, compared with what the store says of it.

use std::collections::BTreeMap;

use hsm_core::integrity::{Digest, DigestSet};
use hsm_core::object::Object;

use super::state::{Copy, Entry};

impl Entry {
    /// Length of the content in bytes.
    pub fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.bytes.len() as u64)
    }

    /// Compares with what the store says of the object.
    pub fn check(&self, found: &Object) {
        let id = found.id;
        assert_eq!(found.generation, self.generation, "generation of {id}");
        assert_eq!(found.created_ns, self.created_ns, "creation of {id}");
        assert_eq!(found.modified_ns, self.modified_ns, "modification of {id}");
        assert_eq!(found.changed, self.changed, "last change of {id}");
        assert_eq!(found.removed_until_ns, self.removed_until_ns, "removal of {id}");
        assert_eq!(found.attributes, self.attributes, "attributes of {id}");
        assert_eq!(found.name, self.name, "name of {id}");
        assert_eq!(found.content.is_some(), self.content.is_some(), "data of {id}");
        if let (Some(found), Some(content)) = (&found.content, &self.content) {
            assert_eq!(found.size, content.bytes.len() as u64, "size of {id}");
            assert_eq!(found.block_shift, content.block_shift, "block size of {id}");
            let mut digests = DigestSet::new(content.algorithms.iter().copied());
            digests.update(&content.bytes);
            let sorted = |mut digests: Vec<_>| {
                digests.sort_by_key(Digest::algorithm);
                digests
            };
            assert_eq!(sorted(found.digests.clone()), sorted(digests.finish()), "digests of {id}");
        }
        let copies = found.copies.iter().map(|copy| {
            let in_files = copy.pieces.iter().any(|piece| !piece.packed);
            (copy.tier, Copy { created_ns: copy.created_ns, verified_ns: copy.verified_ns, in_files })
        });
        assert_eq!(copies.collect::<BTreeMap<_, _>>(), self.copies, "copies of {id}");
        for copy in &found.copies {
            let mut at = 0;
            for piece in &copy.pieces {
                assert_eq!(piece.start, at, "pieces of {id} follow each other");
                at += piece.length;
            }
            assert_eq!(at, found.size(), "pieces of {id} make up its content");
        }
    }
}
