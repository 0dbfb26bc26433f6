//! A root that is not ours is never written to, and a place is never taken for gone because its disk is.

use super::*;
use crate::Kind;
use crate::file::OsDisk;
use crate::object::Position;

const OURS: RootIdentity = RootIdentity { store_id: [1; 16], tier: 3, incarnation: [2; 16] };
const NAME: PlaceName = PlaceName { instance: 5, serial: 1030, packed: false };

struct Fixture {
    directory: tempfile::TempDir,
    disk: Arc<dyn Disk>,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { directory: tempfile::tempdir().unwrap(), disk: Arc::new(OsDisk::new()) };
        PosixBackend::create_root(&*fixture.disk, &fixture.root(), &OURS, 9).unwrap();
        fixture
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    fn backend(&self, identity: RootIdentity) -> PosixBackend {
        PosixBackend::new(self.disk.clone(), self.root(), identity)
    }

    fn create_root(&self, identity: &RootIdentity) -> Result<()> {
        PosixBackend::create_root(&*self.disk, &self.root(), identity, 9)
    }
}

#[test]
fn it_is_a_backend() {
    let fixtures = Mutex::new(Vec::new());
    crate::testing::backend::conformance(&|| {
        let fixture = Fixture::new();
        let backend = Arc::new(fixture.backend(OURS));
        fixtures.lock().push(fixture);
        backend
    });
}

#[test]
fn places_lie_where_the_format_says() {
    let fixture = Fixture::new();
    fixture.backend(OURS).create(NAME).unwrap().sync().unwrap();
    let path = "data/0000000000000005/0000000000000001/0000000000000406.obj";
    assert!(fixture.root().join(path).is_file());
    assert_eq!(std::fs::metadata(fixture.root().join("HSM-TIER")).unwrap().len(), 80);
}

#[test]
fn a_root_of_another_store_tier_or_incarnation_is_offline_and_stays_untouched() {
    let fixture = Fixture::new();
    for wrong in [
        RootIdentity { store_id: [9; 16], ..OURS },
        RootIdentity { tier: 4, ..OURS },
        RootIdentity { incarnation: [9; 16], ..OURS },
    ] {
        let backend = fixture.backend(wrong);
        assert_eq!(backend.check_root().unwrap_err().kind(), Kind::Offline);
        assert_eq!(backend.create(NAME).unwrap_err().kind(), Kind::Offline);
        assert_eq!(backend.mark_seen(at(1, 1)).unwrap_err().kind(), Kind::Offline);
    }
    assert_eq!(std::fs::read_dir(fixture.root().join("data")).unwrap().count(), 0);
    assert!(!fixture.root().join("HSM-SEEN").exists());
}

#[test]
fn a_root_that_vanishes_takes_the_tier_offline_in_every_call() {
    let fixture = Fixture::new();
    let backend = fixture.backend(OURS);
    backend.create(NAME).unwrap();
    std::fs::remove_dir_all(fixture.root()).unwrap();
    std::fs::create_dir(fixture.root()).unwrap(); // The empty mount point.
    let next = PlaceName { serial: NAME.serial + 1, ..NAME };
    assert_eq!(backend.create(next).unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.reopen(NAME).unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.open(NAME, ReadFrom::Anywhere).unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.remove(NAME).unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.instances().unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.forget_instance(5).unwrap_err().kind(), Kind::Offline);
    assert_eq!(backend.seen().unwrap_err().kind(), Kind::Offline);
    assert_eq!(std::fs::read_dir(fixture.root()).unwrap().count(), 0);
}

#[test]
fn a_bucket_that_was_swept_is_made_again() {
    let fixture = Fixture::new();
    let backend = fixture.backend(OURS);
    backend.create(NAME).unwrap();
    backend.remove(NAME).unwrap();
    backend.forget_instance(NAME.instance).unwrap();
    assert_eq!(backend.instances().unwrap(), []);
    backend.create(NAME).unwrap().sync().unwrap();
    assert_eq!(backend.instances().unwrap(), [NAME.instance]);
}

#[test]
fn a_root_is_taken_over_only_when_nobody_has_data_there() {
    let fixture = Fixture::new();
    let next = RootIdentity { incarnation: [4; 16], ..OURS };
    fixture.create_root(&OURS).unwrap();
    assert_eq!(
        fixture.create_root(&RootIdentity { store_id: [9; 16], ..OURS }).unwrap_err().kind(),
        Kind::Exists
    );
    assert_eq!(fixture.create_root(&RootIdentity { tier: 4, ..OURS }).unwrap_err().kind(), Kind::Exists);
    fixture.create_root(&next).unwrap();
    fixture.backend(next).create(NAME).unwrap();
    assert_eq!(fixture.create_root(&OURS).unwrap_err().kind(), Kind::Exists);
    fixture.backend(next).check_root().unwrap();
}

fn at(epoch: u64, number: u64) -> Seen {
    Seen { position: Position { epoch, number }, begun_by: 7 }
}

#[test]
fn what_an_earlier_version_noted_is_read_without_who_began_the_epoch() {
    let fixture = Fixture::new();
    fixture.backend(OURS).mark_seen(at(1, 5)).unwrap();
    let path = fixture.root().join("HSM-SEEN");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[80..96].fill(0);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(fixture.backend(OURS).seen().unwrap(), Some(Seen { begun_by: 0, ..at(1, 5) }));
}

#[test]
fn what_was_seen_never_goes_back_and_survives_a_torn_slot() {
    let fixture = Fixture::new();
    assert_eq!(fixture.backend(OURS).seen().unwrap(), None);
    for (mark, expected) in
        [(at(1, 5), at(1, 5)), (at(1, 9), at(1, 9)), (at(1, 7), at(1, 9)), (at(2, 1), at(2, 1))]
    {
        fixture.backend(OURS).mark_seen(mark).unwrap();
        assert_eq!(fixture.backend(OURS).seen().unwrap(), Some(expected));
    }
    let path = fixture.root().join("HSM-SEEN");
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 1024);
    bytes[64] ^= 1; // The first slot holds the third mark that counted.
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(fixture.backend(OURS).seen().unwrap(), Some(at(1, 9)));
    fixture.backend(OURS).mark_seen(at(2, 2)).unwrap();
    assert_eq!(fixture.backend(OURS).seen().unwrap(), Some(at(2, 2)));
}

#[test]
fn side_files_lie_where_the_format_says_and_what_others_put_there_stays() {
    let fixture = Fixture::new();
    let (backend, directory) = (fixture.backend(OURS), fixture.root().join("snapshots"));
    let name = "0000000000000001-0000000000000002-0000000000000003.list";
    backend.put_side(name, b"a list").unwrap();
    assert_eq!(std::fs::read(directory.join(name)).unwrap(), b"a list");
    std::fs::write(directory.join("notes.txt"), b"not ours").unwrap();
    std::fs::create_dir(directory.join("0000000000000001-0000000000000002-0000000000000004.db")).unwrap();
    assert_eq!(backend.sides().unwrap(), [(name.to_owned(), 6)]);
    let next = RootIdentity { incarnation: [4; 16], ..OURS };
    assert_eq!(fixture.create_root(&next).unwrap_err().kind(), Kind::Exists, "snapshots are data");
    backend.clear().unwrap();
    assert!(directory.join("notes.txt").exists() && !directory.join(name).exists());
    assert_eq!(backend.put_side(name, b"a list").unwrap_err().kind(), Kind::Offline);
}
