//! How much of the index its connections keep in memory.

use super::*;

fn index(directory: &Path) -> Index {
    Index::open(&IndexPlace::File(directory.join("index.db")), false).unwrap()
}

fn cache_kib(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "cache_size", |row| row.get::<_, i64>(0)).unwrap().abs()
}

/// Reads all of it.
fn read(connection: &Connection) {
    let sql = "SELECT sum(length(value)) FROM setting";
    connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).unwrap();
}

#[test]
fn a_reader_that_reads_much_keeps_much_and_a_handle_keeps_no_more_than_its_budget() {
    let directory = tempfile::tempdir().unwrap();
    let index = index(directory.path());
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
         INSERT INTO setting(name, value) SELECT printf('%06d', i), zeroblob(800) FROM n";
    index.writer().execute(sql, []).unwrap();
    assert_eq!(cache_kib(&index.reader().unwrap()), 4 << 10);
    // Readers that were there before, and are left alone.
    let others: Vec<_> = (0..4).map(|_| index.reader().unwrap()).collect();
    for other in &others {
        read(other);
    }
    let mut alone = index.reader().unwrap();
    drop(others);
    for _ in 0..2 * GIVEN_BACK_MEANWHILE {
        read(&alone);
        drop(alone);
        alone = index.reader().unwrap();
    }
    // It has as much as all of it takes, which is less than twice that.
    let kib = cache_kib(&alone);
    assert!((36 << 10..=48 << 10).contains(&kib), "{kib}");
    let mut all = vec![alone];
    all.extend((0..20).map(|_| index.reader().unwrap()));
    let kib: i64 = all.iter().map(|reader| cache_kib(reader)).sum::<i64>() + cache_kib(&index.writer());
    assert!(kib <= (64 << 10) + (21 << 10), "{kib}");
    all.truncate(1);
    drop(all);
    index.let_pages_go();
    assert!(cache_kib(&index.reader().unwrap()) <= 4 << 10);
}

#[test]
fn a_handle_that_is_alone_reads_through_the_writer_which_has_all() {
    let directory = tempfile::tempdir().unwrap();
    let place = IndexPlace::File(directory.path().join("index.db"));
    let index = Index::open(&place, true).unwrap();
    assert_eq!(cache_kib(&index.reader().unwrap()), 64 << 10);
}
