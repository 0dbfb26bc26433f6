//! Steps: every verb with arguments small enough to meet each other often.
//!
//! Objects, datasets, keys and tiers are drawn as small numbers; what they stand for is decided when the
//! step is done.

use hsm_core::integrity::Algorithm;
use hsm_core::object::TierState;
use hsm_core::{Durability, PutMode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Attribute number and value; `None` removes it.
pub type Update = (u8, Option<u8>);

/// How bytes are handed over.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// At once.
    Bytes,
    /// By a reader.
    Reader,
    /// By a writer, in runs.
    Writer,
    /// From a file.
    Path,
    /// In parts, by as many handles as there are.
    Parts,
}

/// A content: a seed and a length.
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// What it looks like.
    pub seed: u8,
    /// Its length.
    pub len: usize,
}

/// A dataset and a key there.
pub type Key = (u8, u8);

/// A put.
#[derive(Debug, Clone)]
pub struct Put {
    /// How bytes are handed over.
    pub how: How,
    /// One of the objects known, or of ids chosen beforehand.
    pub object: Option<u8>,
    /// What it is called.
    pub key: Option<Key>,
    /// Whether it must exist.
    pub mode: PutMode,
    /// Where to.
    pub tier: Option<u8>,
    /// Attributes to set.
    pub attributes: Vec<(u8, u8)>,
    /// Digests to compute.
    pub algorithms: Vec<Algorithm>,
    /// Whether a digest is supplied: right or wrong.
    pub expected: Option<bool>,
    /// When it counts as done.
    pub durability: Durability,
    /// Whether blocks are small.
    pub small_blocks: bool,
    /// The content.
    pub bytes: Bytes,
}

/// One change of a batch.
#[derive(Debug, Clone)]
pub enum BatchStep {
    /// A put.
    Put(Put),
    /// A change of attributes.
    Attributes(u8, Vec<Update>),
    /// A removal.
    Remove(u8),
    /// One more name.
    Name(u8, Key),
}

/// What to list.
#[derive(Debug, Clone)]
pub struct List {
    /// In a dataset.
    pub dataset: Option<u8>,
    /// Keys that begin as this one, cut to so many bytes.
    pub prefix: Option<(u8, usize)>,
    /// On a tier.
    pub tier: Option<u8>,
    /// Not on a tier.
    pub not_on_tier: Option<u8>,
    /// At least as large.
    pub size_min: Option<u64>,
    /// At most as large.
    pub size_max: Option<u64>,
    /// Created from, created before, modified from, modified before: as percent of the time so far.
    pub times: [Option<u8>; 4],
    /// With an attribute, and with a value.
    pub attribute: Option<Update>,
    /// Removed ones.
    pub removed: bool,
    /// Objects a page.
    pub page: usize,
}

/// How a store is closed and opened again.
#[derive(Debug, Clone, Copy)]
pub enum Reopen {
    /// Closed.
    Close,
    /// Only dropped.
    Drop,
    /// Closed, and its index removed.
    WithoutIndex,
    /// Closed, and its index marked damaged.
    Damaged,
}

/// One verb.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the verb of the store of that name")]
pub enum Step {
    Put(Put),
    PutEmpty(Put),
    PutAt { object: u8, permille: u16, bytes: Bytes, durability: Durability },
    Batch { steps: Vec<BatchStep>, atomic: bool, durability: Durability },
    Get { object: u8, tier: Option<u8> },
    GetRange { object: u8, permille: u16, len: usize },
    Hold { object: u8 },
    Copy { object: u8, source: Option<u8>, target: u8 },
    Move { object: u8, source: u8, target: u8 },
    CopyMany { objects: Vec<u8>, source: Option<u8>, target: u8 },
    MoveMany { objects: Vec<u8>, source: u8, target: u8 },
    Release { object: u8, tier: u8, force: bool },
    Verify { object: u8, tier: u8 },
    Pin { object: u8, tier: u8, owner: bool, minutes: u8 },
    Unpin { object: u8, tier: u8, owner: bool },
    Remove { object: u8 },
    Undelete { object: u8 },
    Purge { object: u8 },
    Maintain,
    Compact { percent: u8 },
    Wait { minutes: u8 },
    SetAttributes { object: u8, updates: Vec<Update> },
    AddName { object: u8, key: Key },
    RemoveName { key: Key },
    CreateDataset { dataset: u8 },
    RemoveDataset { dataset: u8 },
    SetDatasetAttributes { dataset: u8, updates: Vec<Update> },
    AddTier { tier: u8 },
    SetTierState { tier: u8, state: TierState },
    SetCapacity { tier: u8, mib: u8 },
    Drain { tier: u8, target: u8 },
    Lose { tier: u8 },
    Retire { tier: u8 },
    List(List),
    Snapshot,
    Sync,
    OtherHandle,
    Reopen(Reopen),
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let len = prop_oneof![
        3 => Just(0_usize), 3 => Just(1), 3 => Just(4095), 3 => Just(4096), 3 => Just(4097),
        2 => Just(8192), 2 => Just(16_383), 2 => Just(16_384), 2 => Just(16_385), 2 => Just(65_536),
        2 => Just(65_537), 2 => 0_usize..20_000, 1 => 100_000_usize..400_000,
    ];
    (any::<u8>(), len).prop_map(|(seed, len)| Bytes { seed, len })
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![2 => Just(Durability::Durable), 1 => Just(Durability::Relaxed)]
}

fn tier() -> impl Strategy<Value = u8> {
    0_u8..5
}

fn key() -> impl Strategy<Value = Key> {
    (0_u8..3, 0_u8..8)
}

fn updates() -> impl Strategy<Value = Vec<Update>> {
    vec((0_u8..4, option::of(0_u8..3)), 0..3)
}

fn put() -> impl Strategy<Value = Put> {
    let how = prop_oneof![
        4 => Just(How::Bytes), 1 => Just(How::Reader), 2 => Just(How::Writer), 1 => Just(How::Path), 2 => Just(How::Parts),
    ];
    let mode =
        prop_oneof![4 => Just(PutMode::Upsert), 1 => Just(PutMode::Create), 1 => Just(PutMode::Update)];
    let algorithms = vec(prop::sample::select(Algorithm::ALL.to_vec()), 0..3);
    let expected = prop_oneof![8 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    let place =
        (option::weighted(0.4, any::<u8>()), option::weighted(0.5, key()), option::weighted(0.3, tier()));
    (
        how,
        place,
        mode,
        vec((0_u8..4, 0_u8..3), 0..3),
        (algorithms, expected),
        durability(),
        any::<bool>(),
        bytes(),
    )
        .prop_map(
            |(
                how,
                (object, key, tier),
                mode,
                attributes,
                (algorithms, expected),
                durability,
                small_blocks,
                bytes,
            )| Put {
                how,
                object,
                key,
                mode,
                tier,
                attributes,
                algorithms,
                expected,
                durability,
                small_blocks,
                bytes,
            },
        )
}

fn batch_step() -> impl Strategy<Value = BatchStep> {
    prop_oneof![
        4 => put().prop_map(BatchStep::Put),
        1 => (any::<u8>(), updates()).prop_map(|(object, updates)| BatchStep::Attributes(object, updates)),
        1 => any::<u8>().prop_map(BatchStep::Remove),
        1 => (any::<u8>(), key()).prop_map(|(object, key)| BatchStep::Name(object, key)),
    ]
}

fn list() -> impl Strategy<Value = List> {
    let some = |probability| option::weighted(probability, tier());
    let size =
        || option::weighted(0.2, prop_oneof![Just(0_u64), Just(1), Just(4096), Just(16_384), Just(70_000)]);
    let time = || option::weighted(0.2, 0_u8..=100);
    (
        (option::weighted(0.5, 0_u8..3), option::weighted(0.3, (0_u8..8, 0_usize..4)), some(0.2), some(0.2)),
        (size(), size(), [time(), time(), time(), time()]),
        (option::weighted(0.2, (0_u8..4, option::of(0_u8..3))), any::<bool>(), 1_usize..6),
    )
        .prop_map(
            |(
                (dataset, prefix, tier, not_on_tier),
                (size_min, size_max, times),
                (attribute, removed, page),
            )| List {
                dataset,
                prefix,
                tier,
                not_on_tier,
                size_min,
                size_max,
                times,
                attribute,
                removed,
                page,
            },
        )
}

fn data_step() -> impl Strategy<Value = Step> {
    let object = any::<u8>;
    let permille = || 0_u16..=1001;
    prop_oneof![
        12 => put().prop_map(Step::Put),
        1 => put().prop_map(Step::PutEmpty),
        4 => (object(), permille(), bytes(), durability())
            .prop_map(|(object, permille, bytes, durability)| Step::PutAt { object, permille, bytes, durability }),
        2 => (vec(batch_step(), 0..6), any::<bool>(), durability())
            .prop_map(|(steps, atomic, durability)| Step::Batch { steps, atomic, durability }),
        1 => (object(), option::of(tier())).prop_map(|(object, tier)| Step::Get { object, tier }),
        1 => (object(), permille(), 0_usize..10_000)
            .prop_map(|(object, permille, len)| Step::GetRange { object, permille, len }),
        1 => object().prop_map(|object| Step::Hold { object }),
        3 => object().prop_map(|object| Step::Remove { object }),
        2 => object().prop_map(|object| Step::Undelete { object }),
        1 => object().prop_map(|object| Step::Purge { object }),
        2 => (object(), updates()).prop_map(|(object, updates)| Step::SetAttributes { object, updates }),
        2 => (object(), key()).prop_map(|(object, key)| Step::AddName { object, key }),
        2 => key().prop_map(|key| Step::RemoveName { key }),
    ]
}

fn copy_step() -> impl Strategy<Value = Step> {
    let object = any::<u8>;
    prop_oneof![
        2 => (object(), option::of(tier()), tier())
            .prop_map(|(object, source, target)| Step::Copy { object, source, target }),
        3 => (object(), tier(), tier()).prop_map(|(object, source, target)| Step::Move { object, source, target }),
        1 => (vec(object(), 0..8), option::of(tier()), tier())
            .prop_map(|(objects, source, target)| Step::CopyMany { objects, source, target }),
        2 => (vec(object(), 0..8), tier(), tier())
            .prop_map(|(objects, source, target)| Step::MoveMany { objects, source, target }),
        2 => (object(), tier(), prop::bool::weighted(0.2))
            .prop_map(|(object, tier, force)| Step::Release { object, tier, force }),
        1 => (object(), tier()).prop_map(|(object, tier)| Step::Verify { object, tier }),
        1 => (object(), tier(), any::<bool>(), 0_u8..90)
            .prop_map(|(object, tier, owner, minutes)| Step::Pin { object, tier, owner, minutes }),
        1 => (object(), tier(), any::<bool>())
            .prop_map(|(object, tier, owner)| Step::Unpin { object, tier, owner }),
    ]
}

fn upkeep_step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![
        4 => Just(TierState::Active), 1 => Just(TierState::ReadOnly), 1 => Just(TierState::Draining),
        1 => Just(TierState::Lost), 1 => Just(TierState::Retired),
    ];
    let reopen = prop_oneof![
        2 => Just(Reopen::Close), 2 => Just(Reopen::Drop), 1 => Just(Reopen::WithoutIndex), 1 => Just(Reopen::Damaged),
    ];
    prop_oneof![
        2 => Just(Step::Maintain),
        4 => prop_oneof![1 => 1_u8..=100, 3 => Just(100)].prop_map(|percent| Step::Compact { percent }),
        2 => (0_u8..90).prop_map(|minutes| Step::Wait { minutes }),
        2 => (0_u8..3).prop_map(|dataset| Step::CreateDataset { dataset }),
        1 => (0_u8..3).prop_map(|dataset| Step::RemoveDataset { dataset }),
        1 => (0_u8..3, updates()).prop_map(|(dataset, updates)| Step::SetDatasetAttributes { dataset, updates }),
        2 => tier().prop_map(|tier| Step::AddTier { tier }),
        3 => (tier(), state).prop_map(|(tier, state)| Step::SetTierState { tier, state }),
        1 => (tier(), 0_u8..2).prop_map(|(tier, mib)| Step::SetCapacity { tier, mib }),
        1 => (tier(), tier()).prop_map(|(tier, target)| Step::Drain { tier, target }),
        1 => tier().prop_map(|tier| Step::Lose { tier }),
        1 => tier().prop_map(|tier| Step::Retire { tier }),
        4 => list().prop_map(Step::List),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Sync),
        3 => Just(Step::OtherHandle),
        2 => reopen.prop_map(Step::Reopen),
    ]
}

/// A program of up to `len_max` steps.
pub fn program(len_max: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![6 => data_step(), 3 => copy_step(), 3 => upkeep_step()], 1..=len_max)
}
