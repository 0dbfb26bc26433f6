//! Reads Rust source as text, closely enough to see which paths it names and where.
//!
//! - [`mask`] blanks comments, strings and characters, so that only code is left;
//! - [`strip_tests`] blanks what is compiled for tests only;
//! - [`paths`] lists every path, with the groups of `use` trees written out.
//!
//! Every step keeps each byte where it is, so that a position always leads back to a line. What it does not
//! do: expand macros, or follow names that `use … as` gives.

/// A path such as `crate::file::Disk`, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// Position of the last segment, in bytes.
    pub(crate) at: usize,
    /// Its names in order; the last may be `*`.
    pub(crate) segments: Vec<String>,
    /// Whether a `!` follows: a macro.
    pub(crate) is_macro: bool,
}

impl Path {
    /// Whether it begins with the names in `prefix`.
    pub(crate) fn starts_with(&self, prefix: &[&str]) -> bool {
        self.segments.len() >= prefix.len() && self.segments.iter().zip(prefix).all(|(a, b)| a == b)
    }

    /// Whether the names in `run` follow each other somewhere in it.
    pub(crate) fn contains(&self, run: &[&str]) -> bool {
        self.segments.windows(run.len()).any(|window| window.iter().zip(run).all(|(a, b)| a == b))
    }
}

/// The line of a position, from 1.
pub(crate) fn line_of(text: &[u8], at: usize) -> usize {
    text[..at].split(|&byte| byte == b'\n').count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn blank(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Blanks comments, strings and characters.
pub(crate) fn mask(source: &str) -> Vec<u8> {
    let bytes = source.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let length = opaque_len(bytes, at);
        blank(&mut masked[at..at + length]);
        at += length.max(1);
    }
    masked
}

/// The length of the comment, string or character that begins at `at`; 0 if none does.
fn opaque_len(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |needle: &[u8], from: usize| {
        let found = rest[from..].windows(needle.len()).position(|window| window == needle);
        found.map_or(rest.len(), |position| from + position + needle.len())
    };
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_len(rest),
        [b'"', ..] => quoted_len(rest, b'"'),
        // A character, or else a lifetime: that one has no second quote right behind its first character.
        [b'\'', b'\\', ..] => quoted_len(rest, b'\''),
        [b'\'', first, ..] if *first != b'\'' => {
            let end = 1 + utf8_len(*first);
            if rest.get(end) == Some(&b'\'') { end + 1 } else { 0 }
        }
        [b'r', b'"' | b'#', ..] if !raw_prefix_is_inside_a_word(bytes, at) => {
            let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return 0; // A raw identifier.
            }
            let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            find(&end, hashes + 2)
        }
        _ => 0,
    }
}

/// Whether the `r` at `at` ends a longer name; `br"…"` and `cr"…"` are strings.
fn raw_prefix_is_inside_a_word(bytes: &[u8], at: usize) -> bool {
    let is_word_at = |back: usize| at >= back && is_word(bytes[at - back]);
    is_word_at(1) && (!matches!(bytes[at - 1], b'b' | b'c') || is_word_at(2))
}

fn utf8_len(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    rest.len().min(at + 1)
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

const FOR_TESTS: [&str; 2] = ["#[cfg(test)]", "#[cfg(any(test, feature = \"testing\"))]"];

/// Blanks items that are compiled for tests only; the names of those that are modules in files of their own.
pub(crate) fn strip_tests(source: &str, masked: &mut [u8]) -> Vec<String> {
    let mut modules = Vec::new();
    for attribute in FOR_TESTS {
        for (start, _) in source.match_indices(attribute) {
            if masked[start] != b'#' {
                continue; // In a comment, or in an item that is blank by now.
            }
            let end = item_end(masked, start + attribute.len());
            let item = String::from_utf8_lossy(&masked[start + attribute.len()..end]);
            let mut words = item.split_whitespace().skip_while(|word| *word != "mod");
            if let (Some(_), Some(name)) = (words.next(), words.next())
                && let Some(name) = name.strip_suffix(';')
            {
                modules.push(name.to_owned());
            }
            blank(&mut masked[start..end]);
        }
    }
    modules
}

/// Where the item that begins at `at` ends: behind its `;` or its block.
fn item_end(masked: &[u8], mut at: usize) -> usize {
    let mut depth = 0_u32;
    while at < masked.len() {
        match masked[at] {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' if depth == 0 => return at,
            b'}' if depth == 1 => return at + 1,
            b'}' | b')' | b']' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Every path in masked text.
pub(crate) fn paths(masked: &[u8]) -> Vec<Path> {
    let mut scanner = Scanner { text: masked, at: 0, found: Vec::new() };
    while scanner.at < masked.len() {
        if is_word(masked[scanner.at]) {
            scanner.path(&[]);
        } else {
            scanner.at += 1;
        }
    }
    scanner.found
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    found: Vec<Path>,
}

impl Scanner<'_> {
    fn skip_space(&mut self) {
        self.at += self.text[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    /// Passes over `token`, if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let back = self.at;
        self.skip_space();
        if self.text[self.at..].starts_with(token.as_bytes()) {
            self.at += token.len();
            return true;
        }
        self.at = back;
        false
    }

    /// Takes a word if one comes next.
    fn word(&mut self) -> Option<String> {
        self.skip_space();
        let length = self.text[self.at..].iter().take_while(|byte| is_word(**byte)).count();
        let word = String::from_utf8_lossy(&self.text[self.at..self.at + length]).into_owned();
        self.at += length;
        (length > 0).then_some(word)
    }

    /// Takes a path that goes on from `prefix`, and all its branches where it ends in a group.
    fn path(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        loop {
            self.skip_space();
            let at = self.at;
            if self.take("{") {
                while self.at < self.text.len() && !self.take("}") {
                    let before = self.at;
                    self.path(&segments);
                    if self.word().is_some_and(|word| word == "as") {
                        self.word();
                    }
                    self.take(",");
                    self.at = self.at.max(before + 1);
                }
                return;
            }
            let word = if self.take("*") { Some("*".to_owned()) } else { self.word() };
            if let Some(word) = word {
                segments.push(word);
                if self.take("::") {
                    continue;
                }
                let rest = &self.text[self.at..];
                let is_macro = rest.first() == Some(&b'!') && rest.get(1) != Some(&b'=');
                self.found.push(Path { at, segments, is_macro });
            } else if segments.len() > prefix.len() {
                // Generic arguments follow: `Vec::<…>`.
                self.found.push(Path { at, segments, is_macro: false });
            }
            return;
        }
    }
}

#[test]
fn comments_strings_and_characters_are_no_code() {
    let source =
        "a // b\n/* c /* d */ e */ f(\"g\\\"h\", 'i', '\\'', r#\"j\" k\"#, br\"l\", b'm', '…') <'n, o>";
    let masked = String::from_utf8(mask(source)).unwrap();
    assert_eq!(masked.len(), source.len());
    let words: Vec<&str> =
        masked.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    assert_eq!(words, ["a", "f", "b", "b", "n", "o"], "{masked}");
}

#[test]
fn items_for_tests_are_left_out() {
    let source = "use a;
        #[cfg(test)]
        mod tests { fn b() { c(d); } }
        #[cfg(test)]
        mod more;
        #[cfg(any(test, feature = \"testing\"))]
        pub mod testing;
        #[cfg(any(test, feature = \"yaml\"))]
        mod yaml;
        // #[cfg(test)]
        use e;";
    let mut masked = mask(source);
    assert_eq!(strip_tests(source, &mut masked), ["more", "testing"]);
    let rest = String::from_utf8(masked).unwrap();
    for kept in ["use a;", "mod yaml;", "use e;"] {
        assert!(rest.contains(kept), "{kept} in {rest}");
    }
    for left_out in ["tests", "c(d)", "more", "mod testing"] {
        assert!(!rest.contains(left_out), "{left_out} in {rest}");
    }
}

#[test]
fn trees_are_written_out() {
    let found = paths(b"pub use crate::{a::{self, b as c}, d::*};\nx: Vec::<crate :: e>::new(f!(g != h))");
    let found: Vec<String> = found.iter().map(|path| path.segments.join("::")).collect();
    for path in ["crate::a::self", "crate::a::b", "crate::d::*", "Vec", "crate::e", "f", "g", "h"] {
        assert!(found.iter().any(|other| other == path), "{path} in {found:?}");
    }
}
