//! Whatever a store says, nothing is written outside the target, and what is sound is restored.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use hsm_core::object::{DatasetId, Name};
use hsm_core::{PutOptions, Store};

use crate::run::Scene;
use crate::snapshot::{assert_same, snapshot};

/// A store made by somebody with bad intentions.
struct Hostile<'a> {
    store: &'a Store,
    dataset: DatasetId,
}

impl Hostile<'_> {
    /// Puts an entry with the attributes of a sound one, but for those given; an empty value leaves one out.
    fn put(&self, key: &[u8], kind: &str, attributes: &[(&str, &[u8])]) {
        let mut options = PutOptions::name(Name { dataset: self.dataset, key: key.to_vec() });
        let sound =
            [("type", kind), ("mode", "4755"), ("mtime_ns", "1000000001"), ("uid", "0"), ("gid", "0")];
        for (name, value) in sound {
            options.attributes.insert(name, value);
        }
        if kind == "symlink" {
            options.attributes.insert("target", "../outside");
        }
        for (name, value) in attributes {
            if value.is_empty() {
                options.attributes.remove(name);
            } else {
                options.attributes.insert(*name, value);
            }
        }
        if kind == "file" {
            self.store.put(b"evil", &options).unwrap();
        } else {
            self.store.put_empty(&options).unwrap();
        }
    }
}

const REFUSED: [&[u8]; 21] = [
    b"..",
    b"../evil",
    b"../outside/evil",
    b"/evil",
    b"//",
    b"/",
    b".",
    b"./evil",
    b"a/../../evil",
    b"a/..",
    b"a//evil",
    b"a/",
    b"a/./evil",
    b"directory/../../outside/evil",
    b"link/evil",
    b"link/deep/evil",
    b"file/evil",
    b"file/deep/evil",
    b"there/evil",
    b"there/deep/evil",
    b"fifo/evil",
];

#[test]
fn keys_that_lead_outside_are_refused_and_the_rest_is_restored() {
    let scene = Scene::new();
    let (store, dataset) = scene.with_dataset();
    let hostile = Hostile { store: &store, dataset };
    hostile.put(b"link", "symlink", &[]);
    hostile.put(b"absolute", "symlink", &[("target", b"/etc")]);
    hostile.put(b"file", "file", &[]);
    hostile.put(b"fifo", "fifo", &[]);
    for key in REFUSED {
        hostile.put(key, "file", &[]);
        hostile.put(&[key, b"/directory"].concat(), "directory", &[]);
        hostile.put(&[key, b"/symlink"].concat(), "symlink", &[]);
    }
    hostile.put(b"sound", "file", &[]);
    hostile.put(b"..sound/...", "file", &[]);
    hostile.put(b"no directory has an entry here/sound", "file", &[]);
    store.close().unwrap();
    drop(store);

    fs::create_dir(scene.path("outside")).unwrap();
    fs::write(scene.path("outside/file"), "outside").unwrap();
    fs::create_dir(scene.path("target")).unwrap();
    // A link that is no entry of the dataset is not followed either.
    symlink("../outside", scene.path("target/there")).unwrap();
    let before = snapshot(&scene.path("outside"));
    for options in [&[][..], &["--owner"], &["--delete"], &[]] {
        let restored = scene.run("restore", "target", options);
        // With --delete the link that is in the way goes, and what was to be below it is below a directory.
        let deletes = options == ["--delete"];
        assert_eq!(restored.code, 3, "{}", restored.err);
        assert_same(&before, &snapshot(&scene.path("outside")));
        let beside: Vec<_> =
            fs::read_dir(scene.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 3, "the store, the target and the outside: {beside:?}");
        for key in ["sound", "..sound/...", "no directory has an entry here/sound", "file"] {
            assert_eq!(fs::read(scene.path("target").join(key)).unwrap(), b"evil", "{key}");
        }
        let refused = REFUSED.iter().filter(|key| !(deletes && key.starts_with(b"there"))).count();
        assert!(restored.count("passed_over") >= 3 * refused as u64 - 3, "{}", restored.err);
    }
    let mode = fs::metadata(scene.path("target/sound")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "not set-user-id");
}

#[test]
fn entries_that_make_no_sense_are_refused_and_the_rest_is_restored() {
    let scene = Scene::new();
    let (store, dataset) = scene.with_dataset();
    let hostile = Hostile { store: &store, dataset };
    let cases: [(&str, &str, &str, &[u8]); 22] = [
        ("type missing", "file", "type", b""),
        ("type unknown", "file", "type", b"device"),
        ("type without its data", "directory", "type", b"file"),
        ("type with data", "file", "type", b"directory"),
        ("link with data", "file", "type", b"symlink"),
        ("mode missing", "file", "mode", b""),
        ("mode too large", "file", "mode", b"10000"),
        ("mode of letters", "file", "mode", b"rwx"),
        ("mode negative", "file", "mode", b"-1"),
        ("mode endless", "file", "mode", &[b'7'; 1000]),
        ("mode with a NUL", "file", "mode", b"0644\0"),
        ("time missing", "file", "mtime_ns", b""),
        ("time too large", "file", "mtime_ns", b"99999999999999999999999999999999"),
        ("time with a point", "file", "mtime_ns", b"1.5"),
        ("time of a sign", "file", "mtime_ns", b"-"),
        ("user missing", "file", "uid", b""),
        ("user too large", "file", "uid", b"4294967296"),
        ("group of letters", "file", "gid", b"wheel"),
        ("target missing", "symlink", "target", b""),
        ("target with a NUL", "symlink", "target", b"a\0b"),
        ("directory without mode", "directory", "mode", b""),
        ("fifo without time", "fifo", "mtime_ns", b""),
    ];
    for (key, kind, name, value) in cases {
        hostile.put(key.as_bytes(), kind, &[(name, value)]);
    }
    hostile.put(b"target too long", "symlink", &[("target", &[b't'; 5000])]);
    hostile.put(&[b'n'; 256], "file", &[]);
    hostile.put(b"sound", "file", &[("mtime_ns", b"-1"), ("mode", b"7"), ("another attribute", b"stays")]);
    let unknown = store.create_dataset("no tree", &hsm_core::object::Attributes::new()).unwrap();
    store.put(b"", &PutOptions::name(Name { dataset: unknown, key: b"key".to_vec() })).unwrap();
    store.close().unwrap();
    drop(store);

    let restored = scene.run("restore", "target", &[]).exited(3);
    assert_eq!(restored.count("passed_over"), cases.len() as u64 + 2, "{}", restored.err);
    for (key, _, name, _) in cases {
        let name = if key == "link with data" { "target" } else { name };
        let refused = format!("{key}: refused: no entry of a tree, its attribute {name}");
        assert!(restored.err.contains(&refused), "{key}: {}", restored.err);
    }
    let names: Vec<_> =
        fs::read_dir(scene.path("target")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["sound"]);
    assert_eq!(snapshot(&scene.path("target"))[&b"sound"[..]].mtime, (-1, 999_999_999));

    // A sync repairs it.
    fs::create_dir(scene.path("tree")).unwrap();
    fs::write(scene.path("tree/mode missing"), "repaired").unwrap();
    scene.run("sync", "tree", &[]).exited(0);
    scene.run("restore", "target", &["--delete"]).exited(0);
    assert_eq!(fs::read(scene.path("target/mode missing")).unwrap(), b"repaired");
}
