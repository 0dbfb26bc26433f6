//! The sync tool keeps its word: what it restores is what it archived, whatever the tree, whatever the store
//! says, and however often it was killed on the way.
//!
//! The tool is `examples/c/sync_tool.c`, compiled here as strict C99 and run as a program. `HSM_SYNC_FILES` and
//! `HSM_SYNC_LARGE_MIB` make the trees as large as one likes; CONTRIBUTING.md has the command of the full run.

#[path = "support/library.rs"]
mod library;
#[path = "support/tool.rs"]
mod tool;

#[path = "sync_tool/datamover.rs"]
mod datamover;
#[path = "sync_tool/follow.rs"]
mod follow;
#[path = "sync_tool/hostile.rs"]
mod hostile;
#[path = "sync_tool/killed.rs"]
mod killed;
#[path = "sync_tool/odd_tree.rs"]
mod odd_tree;
#[path = "sync_tool/policy.rs"]
mod policy;
#[path = "sync_tool/policy_killed.rs"]
mod policy_killed;
#[path = "sync_tool/restore.rs"]
mod restore;
#[path = "sync_tool/round_trip.rs"]
mod round_trip;
#[path = "sync_tool/run.rs"]
mod run;
#[path = "sync_tool/snapshot.rs"]
mod snapshot;
#[path = "sync_tool/sync.rs"]
mod sync;
#[path = "sync_tool/usage.rs"]
mod usage;
