//! The tables of the index. `docs/format.md`, section 10.

/// `hsm1`: tells an index from other SQLite databases.
pub(super) const APPLICATION_ID: i64 = 0x6873_6d31;
/// The version of the tables. An index of version 1 is brought to it ([`upgrade`](super::upgrade)), of another it is rebuilt.
pub(super) const USER_VERSION: i64 = 2;

/// Made with the first subscriber.
pub(super) const CHANGE_INDEX: &str = "CREATE INDEX IF NOT EXISTS object_changed ON object(changed)";

/// Numbers of 64 bits without a sign are stored as the signed number of the same bits. Objects and datasets are numbered by
/// the change that made them.
pub(super) const SCHEMA: &str = "
CREATE TABLE state(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    before INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    durable_epoch INTEGER NOT NULL,
    durable INTEGER NOT NULL,
    durable_segment INTEGER NOT NULL,
    durable_offset INTEGER NOT NULL,
    durable_before INTEGER NOT NULL,
    durable_chain INTEGER NOT NULL
) STRICT;
CREATE TABLE alias(
    id BLOB NOT NULL,
    dataset INTEGER NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (id, dataset, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataset(
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    attributes BLOB NOT NULL,
    keys INTEGER NOT NULL
) STRICT;
CREATE TABLE tier(
    tier INTEGER PRIMARY KEY,
    config BLOB NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE setting(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE pack(
    tier INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    used INTEGER NOT NULL,
    live_objects INTEGER NOT NULL,
    live_bytes INTEGER NOT NULL,
    PRIMARY KEY (tier, instance, serial)
) STRICT, WITHOUT ROWID;
CREATE TABLE garbage(
    tier INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    packed INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (tier, instance, serial)
) STRICT, WITHOUT ROWID;
CREATE TABLE unsynced(
    tier INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    packed INTEGER NOT NULL,
    PRIMARY KEY (tier, instance, serial)
) STRICT, WITHOUT ROWID;
CREATE TABLE recent(
    instance INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    PRIMARY KEY (instance, serial)
) STRICT, WITHOUT ROWID;
CREATE TABLE member(instance INTEGER PRIMARY KEY, resolved INTEGER NOT NULL) STRICT;
CREATE TABLE epoch(epoch INTEGER PRIMARY KEY, cause INTEGER NOT NULL, first INTEGER NOT NULL) STRICT;
";

/// Objects, and the keys that name them.
pub(super) const OBJECT_SCHEMA: &str = "
CREATE TABLE object(
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER,
    dataset INTEGER,
    key BLOB,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX object_id ON object(id);
CREATE INDEX object_removed ON object(removed) WHERE removed IS NOT NULL;
CREATE TABLE entry(
    dataset INTEGER NOT NULL,
    key BLOB NOT NULL,
    object INTEGER NOT NULL,
    PRIMARY KEY (dataset, key)
) STRICT, WITHOUT ROWID;
";

/// What came later, by a table of it: made in an index that does not have it yet.
pub(super) const LATER: [(&str, &str); 3] =
    [("action", ACTION_SCHEMA), ("action_after", ACTION_SCHEMA_MORE), ("pin", PIN_SCHEMA)];

/// Actions.
const ACTION_SCHEMA: &str = "
CREATE TABLE action(
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    owner TEXT NOT NULL,
    together BLOB,
    kind INTEGER NOT NULL,
    object BLOB NOT NULL,
    due INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX action_queued ON action(priority, owner, number, due) WHERE state = 2;
CREATE INDEX action_running ON action(instance) WHERE state = 3;
CREATE INDEX action_work ON action(kind, object) WHERE state = 2;
CREATE INDEX action_group ON action(together, number) WHERE together IS NOT NULL;
CREATE INDEX action_finished ON action(finished) WHERE state >= 4;
";

/// Pins.
const PIN_SCHEMA: &str = "
CREATE TABLE pin(
    object BLOB NOT NULL,
    tier INTEGER NOT NULL,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (object, tier, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX pin_until ON pin(until);
";

/// What actions come after, and those of a site.
const ACTION_SCHEMA_MORE: &str = "
CREATE TABLE action_after(
    after BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (after, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_before ON action_after(number);
CREATE INDEX action_waiting ON action(number) WHERE state = 1;
CREATE TABLE action_site(
    number INTEGER PRIMARY KEY,
    payload BLOB NOT NULL,
    result BLOB NOT NULL
) STRICT;
ALTER TABLE action ADD COLUMN site TEXT;
DROP INDEX action_queued;
DROP INDEX action_running;
CREATE INDEX action_queued ON action(site, priority, owner, number, due, kind) WHERE state = 2;
CREATE INDEX action_running ON action(instance) WHERE state = 3 AND site IS NULL;
CREATE INDEX action_leased ON action(due) WHERE state = 3 AND site IS NOT NULL;
";
