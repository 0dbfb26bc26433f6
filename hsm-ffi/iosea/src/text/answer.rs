//! Items as text: ids, JSON, or keys and values.

use std::fmt::Write as _;

use serde_json::Value;

use super::ask::flat;
use crate::types::{AS_IDS, AS_JSON, AS_NO_CHILD};

/// Writes items. JSON, an array, goes before the others; ids and keys together are ids, a blank line, and the keys.
pub(super) fn write(format: i32, items: &[(String, Value)]) -> String {
    let trees = items.iter().map(|(_, item)| {
        let mut item = item.clone();
        if let (true, Value::Object(map)) = (format & AS_NO_CHILD != 0, &mut item) {
            map.retain(|_, value| !value.is_object() && !value.is_array());
        }
        item
    });
    let ids = || items.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join("\n");
    if format & AS_JSON != 0 {
        return Value::Array(trees.collect()).to_string();
    }
    if format & !AS_NO_CHILD == AS_IDS {
        return ids();
    }
    let mut text = String::new();
    if format & AS_IDS != 0 && !items.is_empty() {
        text = ids() + "\n\n";
    }
    for (index, tree) in trees.enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for (key, value) in flat(&tree) {
            // A line ends where a value would go on.
            let _ = writeln!(text, "{key}={}", value.replace('\n', "\\n")); // A string takes everything.
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::AS_KEY_VALUE;

    #[test]
    fn items_are_written_in_each_format() {
        let item = |id: &str| (id.to_owned(), serde_json::json!({"id": id, "data": {"k": "v=1"}, "n": 2}));
        let items = [item("a"), item("b")];
        assert_eq!(write(AS_IDS, &items), "a\nb");
        assert_eq!(write(AS_JSON, &[]), "[]");
        assert_eq!(write(AS_JSON | AS_NO_CHILD, &items), r#"[{"id":"a","n":2},{"id":"b","n":2}]"#);
        let keys = |id| format!("data.k=v=1\nid={id}\nn=2\n");
        assert_eq!(write(AS_KEY_VALUE, &items), format!("{}\n{}", keys("a"), keys("b")));
        assert_eq!(write(AS_KEY_VALUE | AS_IDS, &items[..1]), format!("a\n\n{}", keys("a")));
        assert_eq!(write(AS_KEY_VALUE, &[]), "");
    }
}
