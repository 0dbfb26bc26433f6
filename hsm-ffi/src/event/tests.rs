//! Every kind of change as C sees it, those that no test in C can bring about included.

use hsm_core::Event;
use hsm_core::integrity::Digest;
use hsm_core::journal::{DropReason, EpochCause, Subject, Updates};
use hsm_core::object::{Content, Copy, DatasetId, Name, ObjectId, Piece, Place, Position, TierConfig};

use super::*;
use crate::attributes::hsm_attributes_get;

const OBJECT: ObjectId = ObjectId([7; 16]);
const DATASET: DatasetId = DatasetId([9; 16]);

fn event(change: Change) -> hsm_event {
    let position = Position { epoch: 2, number: 30 };
    let event = Event { position, time_ns: 400, instance: 5, change };
    hsm_event { event: event.into(), attributes: OnceLock::new() }
}

fn bare(kind: i32) -> hsm_event_info {
    hsm_event_info {
        position: hsm_position { epoch: 2, number: 30 },
        time_ns: 400,
        instance: 5,
        kind,
        record_type: kind,
        tier: -1,
        ..hsm_event_info::default()
    }
}

fn about_the_object(kind: i32) -> hsm_event_info {
    hsm_event_info { object: OBJECT.into(), ..bare(kind) }
}

fn copy(tier: u8, verified_ns: i64) -> Copy {
    let place = Place { tier, instance: 5, serial: 1 };
    let piece = Piece { start: 0, length: 10, place, offset: 0, packed: false };
    Copy { tier, created_ns: 0, verified_ns, pieces: vec![piece] }
}

fn name() -> Name {
    Name { dataset: DATASET, key: b"a/b".to_vec() }
}

fn updates() -> Updates {
    vec![("z".to_owned(), None), ("a".to_owned(), Some(b"1".to_vec())), ("a".to_owned(), Some(b"2".to_vec()))]
}

#[test]
fn a_put_tells_all_that_it_set() {
    let digest: Digest = "md5:900150983cd24fb0d6963f7d28e17f72".parse().unwrap();
    let content = Content { size: 10, block_shift: 12, root: [0; 16], digests: vec![digest] };
    let put = event(Change::Put {
        object: OBJECT,
        generation: 3,
        content: Some(content),
        copies: vec![copy(1, 0), copy(4, 1)],
        attributes: updates(),
        name: Some(name()),
        new: true,
    });
    let wanted = hsm_event_info {
        dataset: DATASET.into(),
        generation: 3,
        size_bytes: 10,
        block_size_bytes: 4096,
        copies: 2,
        digests: 1,
        attributes: 3,
        tier: 1,
        is_new: 1,
        has_data: 1,
        has_key: 1,
        ..about_the_object(HSM_EVENT_PUT)
    };
    assert_eq!(put.info(), wanted);
    let mut info = hsm_copy_info::default();
    let size = size_of::<hsm_copy_info>();
    // SAFETY: live handles and places, as in C.
    let copies: Vec<_> = (0..2)
        .map(|index| unsafe {
            hsm_event_copy_at(&raw const put, index, &raw mut info, size, std::ptr::null_mut());
            (info.tier, info.is_verified, info.created_ns, info.verified_ns, info.pieces)
        })
        .collect();
    assert_eq!(copies, [(1, 0, 400, 0, 1), (4, 1, 400, 400, 1)]);
    // SAFETY: as above.
    let behind = unsafe { hsm_event_copy_at(&raw const put, 2, &raw mut info, size, std::ptr::null_mut()) };
    assert_eq!(behind, HSM_STATUS_END);
    let mut attributes = std::ptr::null();
    let (mut value, mut length) = (std::ptr::null(), 0);
    // SAFETY: as above; what is lent lives as long as the event.
    let last = unsafe {
        hsm_event_attributes(&raw const put, &raw mut attributes, std::ptr::null_mut());
        hsm_attributes_get(
            attributes,
            c"a".as_ptr(),
            1,
            &raw mut value,
            &raw mut length,
            std::ptr::null_mut(),
        );
        std::slice::from_raw_parts(value, length)
    };
    assert_eq!(last, b"2", "the last of two that name the same");
}

#[test]
fn an_object_without_data_is_told_from_one_of_no_bytes() {
    let put = |content| {
        event(Change::Put {
            object: OBJECT,
            generation: 1,
            content,
            copies: Vec::new(),
            attributes: Vec::new(),
            name: None,
            new: false,
        })
        .info()
    };
    let wanted = hsm_event_info { generation: 1, ..about_the_object(HSM_EVENT_PUT) };
    assert_eq!(put(None), wanted);
    let empty = Content { size: 0, block_shift: 20, root: [0; 16], digests: Vec::new() };
    assert_eq!(put(Some(empty)), hsm_event_info { has_data: 1, block_size_bytes: 1 << 20, ..wanted });
}

#[test]
fn changes_of_copies_name_tier_generation_and_why() {
    let (object, generation, tier) = (OBJECT, 3, 4);
    let added = event(Change::CopyAdded { object, generation, copy: copy(4, 1) }).info();
    let about = |kind| hsm_event_info { generation, tier: 4, ..about_the_object(kind) };
    assert_eq!(added, hsm_event_info { copies: 1, ..about(HSM_EVENT_COPY_ADDED) });
    let relocated = event(Change::CopyRelocated { object, generation, copy: copy(4, 1) }).info();
    assert_eq!(relocated, hsm_event_info { copies: 1, ..about(HSM_EVENT_COPY_RELOCATED) });
    let reasons = [
        (DropReason::Released, HSM_REASON_RELEASED),
        (DropReason::TierLost, HSM_REASON_TIER_LOST),
        (DropReason::Damaged, HSM_REASON_DAMAGED),
        (DropReason::Drained, HSM_REASON_DRAINED),
    ];
    for (reason, number) in reasons {
        let dropped = event(Change::CopyDropped { object, generation, tier, reason }).info();
        assert_eq!(dropped, hsm_event_info { reason: number, ..about(HSM_EVENT_COPY_DROPPED) });
    }
    for whole in [false, true] {
        let verified = event(Change::CopyVerified { object, generation, tier, whole }).info();
        assert_eq!(verified, hsm_event_info { is_whole: whole.into(), ..about(HSM_EVENT_COPY_VERIFIED) });
    }
}

#[test]
fn all_other_kinds_tell_what_they_have() {
    let in_dataset = |kind| hsm_event_info { dataset: DATASET.into(), ..bare(kind) };
    let keyed = |kind| hsm_event_info { dataset: DATASET.into(), has_key: 1, ..about_the_object(kind) };
    let config = TierConfig::posix(8, "tiers/8");
    let of_the_object = Change::AttributesSet { subject: Subject::Object(OBJECT), attributes: updates() };
    let of_the_dataset = Change::AttributesSet { subject: Subject::Dataset(DATASET), attributes: updates() };
    let created = Change::DatasetCreated { dataset: DATASET, name: "d".to_owned(), attributes: Vec::new() };
    let ended = Position { epoch: 1, number: 29 };
    let began = |cause| Change::EpochBegan { cause, ended };
    let epoch = |cause| hsm_event_info { cause, ended: ended.into(), ..bare(HSM_EVENT_EPOCH_BEGAN) };
    let kinds = [
        (of_the_object, hsm_event_info { attributes: 3, ..about_the_object(HSM_EVENT_ATTRIBUTES_SET) }),
        (of_the_dataset, hsm_event_info { attributes: 3, ..in_dataset(HSM_EVENT_ATTRIBUTES_SET) }),
        (
            Change::Removed { object: OBJECT, until_ns: 77 },
            hsm_event_info { until_ns: 77, ..about_the_object(HSM_EVENT_REMOVED) },
        ),
        (
            Change::Accessed { object: OBJECT, accessed_ns: 88 },
            hsm_event_info { accessed_ns: 88, ..about_the_object(HSM_EVENT_ACCESSED) },
        ),
        (
            Change::Pinned(Pin { object: OBJECT, tier: 3, owner: "ann".to_owned(), until_ns: 99 }),
            hsm_event_info { tier: 3, until_ns: 99, ..about_the_object(HSM_EVENT_PINNED) },
        ),
        (
            Change::Unpinned { object: OBJECT, tier: 3, owner: "ann".to_owned() },
            hsm_event_info { tier: 3, ..about_the_object(HSM_EVENT_UNPINNED) },
        ),
        (Change::Undeleted { object: OBJECT, name: None }, about_the_object(HSM_EVENT_UNDELETED)),
        (Change::Undeleted { object: OBJECT, name: Some(name()) }, keyed(HSM_EVENT_UNDELETED)),
        (Change::Purged { object: OBJECT }, about_the_object(HSM_EVENT_PURGED)),
        (created, in_dataset(HSM_EVENT_DATASET_CREATED)),
        (Change::DatasetRemoved { dataset: DATASET }, in_dataset(HSM_EVENT_DATASET_REMOVED)),
        (Change::Named { name: name(), object: OBJECT }, keyed(HSM_EVENT_KEY_ADDED)),
        (Change::Unnamed { name: name(), object: OBJECT }, keyed(HSM_EVENT_KEY_REMOVED)),
        (Change::TierSet(config), hsm_event_info { tier: 8, ..bare(HSM_EVENT_TIER_SET) }),
        (Change::SettingSet { name: "s".to_owned(), value: vec![1] }, bare(HSM_EVENT_SETTING_SET)),
        (began(EpochCause::Rebuilt), epoch(HSM_EPOCH_REBUILT)),
        (began(EpochCause::RolledBack), epoch(HSM_EPOCH_ROLLED_BACK)),
        (began(EpochCause::Reconciled), epoch(HSM_EPOCH_RECONCILED)),
        (began(EpochCause::Restored), epoch(HSM_EPOCH_RESTORED)),
        (
            Change::Unknown { record_type: 4711 },
            hsm_event_info { record_type: 4711, ..bare(HSM_EVENT_UNKNOWN) },
        ),
    ];
    for (change, wanted) in kinds {
        assert_eq!(event(change.clone()).info(), wanted, "{change:?}");
    }
}

#[test]
fn names_and_values_come_from_the_kinds_that_have_them() {
    type Lend =
        unsafe extern "C" fn(*const hsm_event, *mut *const u8, *mut usize, *mut *mut hsm_error) -> hsm_status;
    let lent = |event: &hsm_event, lend: Lend| {
        let (mut bytes, mut length) = (std::ptr::null(), 0);
        // SAFETY: a live event and places, as in C; what is lent lives as long as the event.
        unsafe {
            let status =
                lend(std::ptr::from_ref(event), &raw mut bytes, &raw mut length, std::ptr::null_mut());
            (status != HSM_STATUS_END).then(|| std::slice::from_raw_parts(bytes, length).to_vec())
        }
    };
    let setting = event(Change::SettingSet { name: "s".to_owned(), value: vec![1, 0] });
    assert_eq!(lent(&setting, hsm_event_name), Some(b"s".to_vec()));
    assert_eq!(lent(&setting, hsm_event_value), Some(vec![1, 0]));
    let tier = event(Change::TierSet(TierConfig::posix(8, "tiers/8")));
    assert_eq!(lent(&tier, hsm_event_name), Some(Vec::new()));
    assert_eq!(lent(&tier, hsm_event_value), Some(b"tiers/8".to_vec()));
    let removed = event(Change::Unnamed { name: name(), object: OBJECT });
    assert_eq!(lent(&removed, hsm_event_key), Some(b"a/b".to_vec()));
    assert_eq!(lent(&removed, hsm_event_name), None);
    assert_eq!(lent(&removed, hsm_event_value), None);
    assert_eq!(lent(&tier, hsm_event_key), None);
}
