//! What of the public API is stopped at every step, and where; and which kinds of stores, objects and verbs that is.
//!
//! `tests/tests/crash_table.rs` reads the source of the API: a function that is in no row of [`API`] fails it, and so does
//! a row that names a verb of the harness, or a test, which there is not.

use std::fmt;

use super::run::Count;

/// How it is known that a function of the API survives a crash in it.
#[derive(Debug, Clone, Copy)]
pub enum Shown {
    /// These rows of the table of crashes.
    Crash(&'static [&'static str]),
    /// A crash test of its own, as `file::name`.
    Test(&'static str),
    /// It changes nothing of a store.
    Reads,
    /// It changes nothing but the caller's own files, which are nobody's to recover.
    Outside,
    /// A store in memory is gone with its process.
    Gone,
}

use Shown::{Crash, Gone, Outside, Reads, Test};

/// Functions, as `Type::function`, several separated by blanks; and where they are shown.
pub const API: &[(&str, Shown)] = &[
    ("Store::open", Crash(&["create a store", "open", "open after a death", "open after a power loss"])),
    ("Store::in_memory", Gone),
    (
        "Store::close",
        Crash(&["close", "close with garbage", "close after a put", "relaxed puts, then close"]),
    ),
    ("Store::sync", Crash(&["relaxed puts, then sync"])),
    (
        "Store::put Store::writer Writer::add Writer::commit",
        Crash(&["put small", "put large", "put empty", "put a longer record"]),
    ),
    ("Store::put_empty", Crash(&["put without data"])),
    ("Store::put_reader", Crash(&["put from a reader"])),
    ("Store::put_path", Crash(&["put from a path"])),
    ("Store::adopt_path", Crash(&["adopt a file", "adopt a file and remove it"])),
    ("Store::put_file", Crash(&["put from a file"])),
    ("Store::put_descriptor", Crash(&["put from a descriptor"])),
    (
        "Store::put_at",
        Crash(&["put at: patch within", "put at: extend", "put at: on pieces", "relaxed put at"]),
    ),
    (
        "Store::parts Parts::part Part::add Part::finish Parts::commit",
        Crash(&["parts", "parts over large", "two parts in one place"]),
    ),
    ("Store::join_parts", Crash(&["parts, joined by their token"])),
    (
        "Store::batch Batch::put Batch::set_attributes Batch::remove Batch::move_object Batch::add_name Batch::commit",
        Crash(&[
            "batch, atomic",
            "batch, independent",
            "batch, atomic and relaxed",
            "batch of longer records",
        ]),
    ),
    ("Batch::put_empty", Crash(&["put without data"])),
    ("Store::set_attributes Store::set_attributes_if", Crash(&["set attributes"])),
    (
        "Store::set_dataset_attributes Store::set_dataset_attributes_if",
        Crash(&["set attributes of a dataset"]),
    ),
    ("Store::create_dataset", Crash(&["create dataset"])),
    ("Store::remove_dataset", Crash(&["remove dataset"])),
    ("Store::add_name", Crash(&["add name"])),
    ("Store::remove_name", Crash(&["remove name", "remove the first of two names"])),
    ("Store::remove", Crash(&["remove", "remove large"])),
    ("Store::purge", Crash(&["purge small", "purge large", "purge pieces", "purge removed"])),
    ("Store::undelete", Crash(&["undelete"])),
    ("Store::copy", Crash(&["copy small", "copy large", "copy to a tier in memory"])),
    ("Store::copy_many", Crash(&["copy many"])),
    ("Store::move_object", Crash(&["move small", "move large", "move pieces", "move empty"])),
    ("Store::move_many", Crash(&["move many"])),
    ("Store::release", Crash(&["release", "release large, verified first"])),
    ("Store::pin Store::unpin", Crash(&["pin, then unpin", "move and release of what is pinned"])),
    ("Store::pin_many Store::pin_all Store::unpin_all", Crash(&["pin many, then unpin them"])),
    ("Store::recall", Crash(&["recall"])),
    ("Store::verify", Crash(&["verify", "verify again"])),
    ("Store::add_tier", Crash(&["add tier"])),
    ("Store::change_tier", Crash(&["change tier"])),
    ("Store::set_tier_state", Crash(&["set tier state"])),
    ("Store::apply_tiers", Crash(&["apply tiers"])),
    ("Store::set_tier_limits", Crash(&["set the limits of a tier"])),
    ("Store::drain_tier", Crash(&["drain tier", "drain a tier in memory"])),
    ("Store::lose_tier", Crash(&["lose tier", "lose a tier that is away"])),
    ("Store::lose_tier_each", Crash(&["lose tier, each object told"])),
    (
        "Store::retire_tier",
        Crash(&["retire tier", "retire tier that was drained", "retire tier with a snapshot"]),
    ),
    ("Store::maintain", Crash(&["maintain: reclaim", "maintain: purge expired", "maintain: forget actions"])),
    ("Store::compact", Crash(&["compact", "compact, then put", "relaxed puts over, then compact"])),
    ("Store::scrub", Crash(&["scrub", "scrub and heal", "scrub, stopped and resumed"])),
    ("Store::check_all", Crash(&["remove strays"])),
    ("Store::reconcile Store::reconcile_with", Crash(&["reconcile"])),
    ("Store::snapshot", Crash(&["snapshot, index in a file"])),
    ("Store::snapshot_to", Crash(&["snapshot to a tier", "snapshot to a tier, then lose the store"])),
    ("Store::restore", Crash(&["restore"])),
    ("Store::rebuild", Crash(&["rebuild"])),
    ("Store::subscribe", Crash(&["subscribe", "subscribe beside another"])),
    ("Store::drop_subscriber", Crash(&["drop a subscriber", "drop a subscriber, then subscribe"])),
    ("Subscription::ack", Crash(&["acknowledge"])),
    ("Store::sink Sink::pump", Test("sink.rs::a_crash_at_any_operation_leaves_each_event_in_the_file_once")),
    ("Store::set_retention", Crash(&["set the retention"])),
    ("Store::set_access_staleness", Crash(&["set the staleness of accesses"])),
    ("Store::submit Store::submit_as", Crash(&["submit"])),
    ("Store::submit_all", Crash(&["submit several"])),
    ("Store::submit_group", Crash(&["submit a group"])),
    ("Store::submit_all_as", Crash(&["submit in order"])),
    ("Store::lease", Crash(&["lease", "let a lease end, then fail one"])),
    ("Store::extend_lease Store::complete_lease", Crash(&["extend a lease, then complete it"])),
    ("Store::fail_lease", Crash(&["let a lease end, then fail one"])),
    ("Store::give_back_lease", Crash(&["give back a lease"])),
    ("Store::cancel Store::retry", Crash(&["cancel an action, then retry it"])),
    ("Store::cancel_all Store::retry_all", Crash(&["cancel actions, then retry"])),
    ("Store::set_actions_kept", Crash(&["set how many actions are kept"])),
    (
        "Store::readiness Store::estimate_recall Store::estimate_recall_of Store::delayed_counts Store::without_delays",
        Reads,
    ),
    ("Store::run", Crash(&["run actions", "run recalls from a delayed tier"])),
    // A read notes when it was, and that is written by the next that finds the oldest note old enough.
    (
        "Store::get Store::get_range Store::get_range_with Store::get_to Store::reader Store::get_many Store::get_all",
        Test("accesses.rs::a_crash_at_any_step_of_a_flush_loses_only_times_of_access"),
    ),
    ("Store::get_path Store::get_descriptor Store::get_many_into Store::get_all_into", Outside),
    (
        "Store::with_monitor Store::directory Store::id Store::instance Store::read_only_reason \
         Store::new_epoch_cause Store::position Store::new_id Store::check Store::is_closed",
        Reads,
    ),
    (
        "Store::object Store::find Store::page Store::objects Store::dataset Store::dataset_by_id Store::datasets \
         Store::names Store::names_page Store::tiers Store::tier Store::is_tier_online Store::export_tiers \
         Store::snapshots_on Store::retention Store::access_staleness Store::pins Store::tier_limits",
        Reads,
    ),
    (
        "Store::feed Store::feed_after Store::subscribers Store::subscription Store::follow Store::action Store::actions \
         Store::group_status Store::wait_action Store::wait_group",
        Reads,
    ),
    (
        "Batch::len Batch::is_empty Writer::len Writer::is_empty Parts::token Parts::block_size Sink::path",
        Reads,
    ),
    (
        "Subscription::next Subscription::next_read_ahead Subscription::next_into Subscription::wait \
         Subscription::filter Subscription::set_filter Feed::next_into Subscription::position Subscription::acked Subscription::descriptor Feed::position Feed::is_read_ahead",
        Reads,
    ),
];

/// Every kind that a crash has to be tried in, with rows of the table of crashes.
pub const KINDS: &[(&str, &[&str])] = &[
    ("backend: posix", &["put large", "move large"]),
    (
        "backend: memory",
        &[
            "copy to a tier in memory",
            "put to a tier in memory",
            "move from a tier in memory",
            "drain a tier in memory",
        ],
    ),
    ("size: no data", &["put without data"]),
    ("size: empty", &["put empty", "move empty"]),
    ("size: packed", &["put small", "move small", "copy small"]),
    ("size: a file", &["put small over large", "put from a path"]),
    ("size: several blocks", &["put large", "put of many blocks", "move large"]),
    ("size: several places", &["put at: on pieces", "put large over pieces", "move pieces", "purge pieces"]),
    ("relaxed puts", &["relaxed put", "relaxed put large", "relaxed puts, then durable"]),
    ("batch", &["batch, atomic", "batch, independent", "batch, atomic and relaxed"]),
    (
        "several parts in one commit",
        &["parts", "parts over large", "two parts in one place", "parts, joined by their token"],
    ),
    ("compaction", &["compact", "compact, then put", "relaxed puts over, then compact"]),
    (
        "snapshot",
        &["snapshot, index in a file", "snapshot to a tier", "snapshot to a tier, then lose the store"],
    ),
    ("restore", &["restore", "reconcile"]),
    ("rebuild", &["rebuild", "open without the index, index in a file"]),
    (
        "tier change",
        &["change tier", "set tier state", "drain tier", "retire tier", "lose tier", "apply tiers"],
    ),
    ("undelete", &["undelete"]),
    (
        "actions",
        &["submit", "cancel actions, then retry", "run actions", "lease", "run puts of files outside"],
    ),
    ("scrub", &["scrub", "scrub and heal", "scrub, stopped and resumed"]),
    ("open after a crash", &["open after a death", "open after a power loss"]),
    ("several threads", &["small puts of 4 threads"]),
    ("two processes, one dies", &["put small, another goes on", "compact, another goes on"]),
];

/// What was tried of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Rows that are in no table of crashes, or were stopped nowhere.
    pub missing: Vec<&'static str>,
    /// Operations stopped at.
    pub steps: u64,
    /// States after a death, and after a power loss.
    pub states: u64,
}

/// What these counts hold of some rows, whatever the shape of the store.
pub fn tried(counts: &[Count], rows: &[&'static str]) -> Tried {
    let mut tried = Tried::default();
    for row in rows {
        let is_meant = |count: &&Count| {
            let rest = count.name.strip_prefix(row);
            rest.is_some_and(|rest| ["", ", Roomy", ", Tight"].contains(&rest))
        };
        let before = tried.steps;
        for count in counts.iter().filter(is_meant) {
            tried.steps += count.steps;
            tried.states += count.process + count.power;
        }
        if tried.steps == before {
            tried.missing.push(row);
        }
    }
    tried
}

/// Prints the kinds.
pub(super) fn show(counts: &[Count], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n{:<32}{:>7}{:>9}  verbs", "kind", "steps", "states")?;
    for (kind, rows) in KINDS {
        let Tried { missing, steps, states } = tried(counts, rows);
        let said =
            if missing.is_empty() { rows.join("; ") } else { format!("NOT TRIED: {}", missing.join("; ")) };
        writeln!(f, "{kind:<32}{steps:>7}{states:>9}  {said}")?;
    }
    Ok(())
}
