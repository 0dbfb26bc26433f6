//! The header's manual as pages of Markdown: one for the opening page, one a chapter.
//!
//! An *item* is a declaration with the comment above it. Constants in a row become a table; every other item gets a
//! heading, its declaration, and its comment as prose, with `@param` and `@return` as a list. Names of C are set as
//! code, and lead to where they are declared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::chapters::{CHAPTERS, declarations, introduction, opening};

/// Where each function and type is declared: the page of its chapter.
type Places = BTreeMap<String, &'static str>;

/// Every page by the name of its file.
pub(crate) fn all() -> BTreeMap<String, String> {
    let chapters: Vec<_> =
        CHAPTERS.iter().map(|(title, module)| (*title, *module, items(&declarations(module)))).collect();
    let mut places = Places::new();
    for (_, module, items) in &chapters {
        let named = items.iter().filter(|item| item.constant().is_none());
        places.extend(named.map(|item| (item.name(), *module)));
    }
    let mut pages = BTreeMap::from([("README.md".to_owned(), front(&places))]);
    for (title, module, items) in &chapters {
        let text = Text { places: &places, here: module };
        pages.insert(format!("{module}.md"), chapter(title, items, &text));
    }
    pages
}

/// The anchor that Markdown gives a heading.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A declaration and the comment above it.
#[derive(Debug)]
struct Item {
    /// Without the marks of a comment.
    comment: Vec<String>,
    declaration: String,
}

impl Item {
    /// The name and the value, where it is a constant.
    fn constant(&self) -> Option<(&str, &str)> {
        self.declaration.strip_prefix("#define ")?.split_once(' ')
    }

    fn is_function(&self) -> bool {
        !self.declaration.starts_with("typedef ")
    }

    fn name(&self) -> String {
        let declared = if self.is_function() {
            self.declaration.split('(').next()
        } else {
            self.declaration.trim_end_matches(';').rsplit('\n').next()
        };
        declared.unwrap().rsplit([' ', '*']).next().unwrap().to_owned()
    }
}

/// The items of a chapter: cbindgen sets them apart with empty lines.
fn items(declarations: &str) -> Vec<Item> {
    let item = |text: &str| {
        let (comment, declaration) = text.strip_prefix("/**\n").unwrap().split_once("\n */\n").unwrap();
        let comment = comment.lines().map(|line| line.strip_prefix(" *").unwrap().to_owned());
        Item { comment: comment.collect(), declaration: declaration.to_owned() }
    };
    declarations.trim().split("\n\n").map(item).collect()
}

/// Turns comments into Markdown for one page.
struct Text<'a> {
    places: &'a Places,
    here: &'a str,
}

impl Text<'_> {
    /// Prose with the names of C as code. What already is code stays as it is.
    fn prose(&self, text: &str) -> String {
        let pieces = text.split('`').enumerate();
        let pieces = pieces.map(
            |(number, piece)| {
                if number % 2 == 0 { self.names(piece) } else { format!("`{piece}`") }
            },
        );
        pieces.collect()
    }

    fn names(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            // A name may have holes: hsm_<noun>_<verb>, HSM_STATUS_*.
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '<' | '>' | '*');
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if len == 0 {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let (word, behind) = rest.split_at(len);
            let call = if word.starts_with("hsm_") && behind.starts_with("()") { "()" } else { "" };
            out.push_str(&self.word(word, call));
            rest = &behind[call.len()..];
        }
        out
    }

    fn word(&self, word: &str, call: &str) -> String {
        match self.places.get(word) {
            Some(module) if *module == self.here => format!("[`{word}{call}`](#{})", anchor(word)),
            Some(module) => format!("[`{word}{call}`]({module}.md#{})", anchor(word)),
            None if word.contains('_') || word == "NULL" => format!("`{word}{call}`"),
            // What Markdown would take for a mark of its own.
            None => word.replace('*', "\\*").replace('<', "\\<"),
        }
    }

    /// Paragraphs, lists and indented code.
    fn paragraphs(&self, lines: &[String]) -> String {
        let mut out = String::new();
        for line in lines {
            let line = line.strip_prefix(' ').unwrap_or(line);
            let _ = writeln!(
                out,
                "{}",
                if line.starts_with("    ") { line.to_owned() } else { self.prose(line) }
            );
        }
        out.trim_matches('\n').to_owned() + "\n"
    }

    /// What stands above a declaration: prose, then `@param` and `@return` as a list.
    fn comment(&self, lines: &[String]) -> String {
        let begins = |line: &String| line.trim_start().starts_with('@');
        let (prose, tags) = lines.split_at(lines.iter().position(begins).unwrap_or(lines.len()));
        let mut out = self.paragraphs(prose);
        if !tags.is_empty() {
            out.push('\n');
        }
        for line in tags {
            let line = line.trim();
            if let Some(parameter) = line.strip_prefix("@param ") {
                let (name, meaning) = parameter.split_once(' ').unwrap();
                let _ = writeln!(out, "- `{name}`: {}", self.prose(meaning.trim()));
            } else if let Some(answer) = line.strip_prefix("@return ") {
                let _ = writeln!(out, "- returns {}", self.prose(answer.trim()));
            } else {
                let _ = writeln!(out, "  {}", self.prose(line));
            }
        }
        out
    }
}

const GENERATED: &str = "<!-- Generated from hsm-ffi by `make header`; do not edit. -->\n";

fn chapter(title: &str, items: &[Item], text: &Text<'_>) -> String {
    let (module, title) = (text.here, sentence(title));
    let mut page = format!("{GENERATED}\n# {title}\n\n");
    page += &text.paragraphs(&introduction(module));
    let mut in_table = false;
    for item in items {
        let comment = text.comment(&item.comment);
        if let Some((name, value)) = item.constant() {
            if !in_table {
                page += "\n| constant | value | |\n|---|---|---|\n";
            }
            let _ = writeln!(page, "| `{name}` | {value} | {} |", comment.trim().replace('\n', " "));
        } else {
            let (name, call) = (item.name(), if item.is_function() { "()" } else { "" });
            let _ = writeln!(
                page,
                "\n## `{name}{call}`\n\n```c\n{}\n```\n\n{}",
                item.declaration,
                comment.trim_end()
            );
        }
        in_table = item.constant().is_some();
    }
    page + &format!("\n---\n\n{}\n", neighbours(module))
}

/// Links to the chapters before and behind one, and to the front page.
fn neighbours(module: &str) -> String {
    let at = CHAPTERS.iter().position(|(_, other)| *other == module).unwrap();
    let link = |(title, module): &(&str, &str)| format!("[{}]({module}.md)", sentence(title));
    let before = at.checked_sub(1).map(|at| format!("before: {}", link(&CHAPTERS[at])));
    let next = CHAPTERS.get(at + 1).map(|chapter| format!("next: {}", link(chapter)));
    let all = Some("[all chapters](README.md#chapters)".to_owned());
    [before, all, next].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// A title of the header, which is in capitals, as one of a page.
fn sentence(title: &str) -> String {
    let lower = title.to_lowercase();
    let (first, rest) = lower.split_at(1);
    first.to_uppercase() + rest
}

/// The opening page of the header, and the list of chapters.
fn front(places: &Places) -> String {
    let text = Text { places, here: "README" };
    let opening = opening();
    let lines = opening.lines().filter_map(|line| line.strip_prefix(" *")).filter(|line| *line != "/");
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let mut page = GENERATED.to_owned();
    for (number, block) in blocks(&lines).into_iter().enumerate() {
        let first = block[0];
        let is_title = block.len() == 1 && !first.contains(|c: char| c.is_lowercase());
        page += "\n";
        if number == 0 {
            let _ = writeln!(page, "# {}", first.trim_end_matches('.'));
        } else if is_title {
            let _ = writeln!(page, "## {}", sentence(first));
        } else if first.starts_with("    ") {
            let code: Vec<_> = block.iter().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
            let language = if code[0].starts_with("cc ") { "sh" } else { "c" };
            let _ = writeln!(page, "```{language}\n{}\n```", code.join("\n"));
        } else {
            page += &paragraph(&block.join("\n"), &text);
        }
    }
    page += "\n## Chapters\n\n";
    for (number, (title, module)) in CHAPTERS.iter().enumerate() {
        let subject = introduction(module).first().map(|line| text.prose(line.trim())).unwrap_or_default();
        let _ = writeln!(page, "{}. [{}]({module}.md): {subject}", number + 1, sentence(title));
    }
    page
}

/// A paragraph; the word or two that one of the conventions begins with is its subject.
fn paragraph(lines: &str, text: &Text<'_>) -> String {
    match lines.split_once(". ") {
        Some((subject, rest)) if subject.split(' ').count() <= 3 => {
            format!("**{subject}.** {}\n", text.prose(rest))
        }
        _ => text.prose(lines) + "\n",
    }
}

/// Runs of lines without an empty one between them; a program is one, with its empty lines.
fn blocks<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_code = |line: &str| line.starts_with("    ") && !line.starts_with("    cc ");
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for (at, line) in lines.iter().enumerate() {
        let last = blocks.last_mut().unwrap();
        let goes_on = last.first().is_some_and(|first| is_code(first))
            && lines[at..].iter().find(|line| !line.is_empty()).is_some_and(|line| is_code(line));
        if !line.is_empty() || goes_on {
            last.push(line);
        } else if !last.is_empty() {
            blocks.push(Vec::new());
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}
