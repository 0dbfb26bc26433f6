//! Events as documents of YAML, in the format of the event feed of IO-SEA's Hestia: a tag that says what happened, what the
//! object is now, when, and which object. Programs that follow such a file read it as it grows.

use std::io::Write as _;

use crate::clock::TimeNs;
use crate::object::{Object, ObjectId};

/// What happened to an object, in the words of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Create,
    Read,
    Update,
    Remove,
}

impl Tag {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Remove => "remove",
        }
    }
}

/// Appends one document. What was only read, or removed, has no `object`. Writing to memory cannot fail.
pub(crate) fn write(out: &mut Vec<u8>, tag: Tag, time_ns: TimeNs, id: ObjectId, object: Option<&Object>) {
    let _ = writeln!(out, "---\n!{}", tag.name());
    if let Some(object) = object {
        write_attrs(out, object);
    }
    let _ = writeln!(out, "time: {}\nid: \"{id}\"\n...", time_ns.div_euclid(1000));
}

/// Appends a remark, which readers of YAML pass over.
pub(crate) fn write_remark(out: &mut Vec<u8>, remark: &str) {
    let _ = writeln!(out, "# {remark}");
}

fn write_attrs(out: &mut Vec<u8>, object: &Object) {
    let empty = |is: bool, text: &'static str| if is { text } else { "" };
    let _ = writeln!(out, "attrs:\n  user_metadata:{}", empty(object.attributes.is_empty(), " {}"));
    for (name, value) in &object.attributes {
        out.extend_from_slice(b"    ");
        if is_plain(name) {
            out.extend_from_slice(name.as_bytes());
        } else {
            write_quoted(out, name.as_bytes());
        }
        out.extend_from_slice(b": ");
        write_quoted(out, value);
        out.push(b'\n');
    }
    let size = object.size();
    let _ = writeln!(out, "  size: {size}\n  tiers:{}", empty(object.copies.is_empty(), " []"));
    for copy in &object.copies {
        let _ = match size {
            0 => writeln!(out, "    - extents: []"),
            _ => writeln!(out, "    - extents:\n        - length: {size}\n          offset: 0"),
        };
        let _ = writeln!(out, "      index: {}", copy.tier);
    }
}

/// Whether a name can stand without quotes and is read as text by every reader.
fn is_plain(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    // What YAML 1.1 takes for a truth value or for nothing.
    let means_something = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.bytes().all(is_word)
        && !means_something.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Appends text in double quotes. Bytes that are no UTF-8 become `\xNN`, one for each.
fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let _ = match character {
                '"' | '\\' => write!(out, "\\{character}"),
                '\n' => write!(out, "\\n"),
                '\t' => write!(out, "\\t"),
                '\r' => write!(out, "\\r"),
                ' '..='~' => write!(out, "{character}"),
                '\0'..='\u{9f}' => write!(out, "\\x{:02x}", u32::from(character)),
                // Line ends of Unicode, marks of byte order and what is no character.
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                    write!(out, "\\u{:04x}", u32::from(character))
                }
                _ => write!(out, "{character}"),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Attributes, Content, Copy};

    fn bare() -> Object {
        Object {
            id: ObjectId([0xd1; 16]),
            generation: 0,
            created_ns: 0,
            modified_ns: 0,
            accessed_ns: 0,
            changed: 0,
            removed_until_ns: 0,
            content: None,
            copies: Vec::new(),
            attributes: Attributes::new(),
            name: None,
        }
    }

    fn text(tag: Tag, object: Option<&Object>) -> String {
        let mut out = Vec::new();
        write(&mut out, tag, 1_701_419_050_925_667_999, ObjectId([0xd1; 16]), object);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_document_is_as_the_followers_of_the_format_read_it() {
        let object = Object {
            content: Some(Content { size: 45333, block_shift: 20, root: [0; 16], digests: Vec::new() }),
            copies: vec![Copy { tier: 0, created_ns: 0, verified_ns: 0, pieces: Vec::new() }],
            attributes: Attributes::from([("my_key", "my_value")]),
            ..bare()
        };
        let expected = r#"---
!update
attrs:
  user_metadata:
    my_key: "my_value"
  size: 45333
  tiers:
    - extents:
        - length: 45333
          offset: 0
      index: 0
time: 1701419050925667
id: "d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1"
...
"#;
        assert_eq!(text(Tag::Update, Some(&object)), expected);
    }

    #[test]
    fn what_is_empty_is_written_as_an_empty_map_or_list() {
        let text = text(Tag::Create, Some(&bare()));
        let expected = "---\n!create\nattrs:\n  user_metadata: {}\n  size: 0\n  tiers: []\ntime: ";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_removal_says_only_which_and_when() {
        let text = text(Tag::Remove, None);
        assert_eq!(
            text,
            "---\n!remove\ntime: 1701419050925667\nid: \"d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1\"\n...\n"
        );
    }

    #[test]
    fn a_reader_of_yaml_finds_the_names_and_values_that_were_set() {
        use granit_parser::{Event, Parser};
        let set = [
            ("no", "yes"),
            ("a: b", "#{[\"'\\\n\t"),
            ("\u{e9}\u{feff}", "\u{7}\u{2029}\u{1f4be}"),
            ("plain", ""),
        ];
        let object = Object { attributes: Attributes::from(set), ..bare() };
        let text = text(Tag::Update, Some(&object)) + &text(Tag::Remove, None);
        let (mut scalars, mut documents) = (Vec::new(), 0);
        for event in Parser::new_from_str(&text) {
            match event.unwrap().0 {
                Event::Scalar(text, ..) => scalars.push(text.into_owned()),
                Event::DocumentEnd => documents += 1,
                _ => {}
            }
        }
        assert_eq!(documents, 2);
        for (name, value) in set {
            let at = scalars.iter().position(|scalar| scalar == name).unwrap();
            assert_eq!(scalars[at + 1], value, "{name}");
        }
    }

    #[test]
    fn names_and_values_of_any_kind_are_quoted_where_they_need_it() {
        let mut out = Vec::new();
        write_quoted(&mut out, b"a\"b\\c\n\x00\xff\xc3\xa9\xe2\x80\xa8");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\n\\x00\\xff\u{e9}\\u2028\"");
        for name in ["no", "NULL", "1st", "a b", "", "a:b", "-", "\u{e9}"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("trigger_migration") && is_plain("a-1"));
    }
}
