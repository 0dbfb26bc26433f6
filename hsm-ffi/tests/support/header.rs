//! What `hsm.h` declares: its functions and their arguments.

use crate::tool::repository;

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Without the place for an error, which comes last.
    pub(crate) arguments: Vec<Argument>,
}

impl Function {
    /// From its name, and what stands behind the parenthesis that opens.
    pub(crate) fn parse(name: &str, rest: &str) -> Self {
        let mut arguments: Vec<_> = split(rest)
            .iter()
            .map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|argument| argument != "void")
            .map(|argument| Argument::parse(&argument))
            .collect();
        arguments.retain(|argument| argument.name != "error_out");
        Self { name: name.to_owned(), arguments }
    }

    /// Whether it frees a handle.
    pub(crate) fn is_free(&self) -> bool {
        self.name.ends_with("_free")
    }
}

/// An argument.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: String,
    /// As it is declared, without the name.
    kind: String,
}

impl Argument {
    fn parse(declared: &str) -> Self {
        let start = declared.rfind([' ', '*']).map_or(0, |at| at + 1);
        Self { name: declared[start..].to_owned(), kind: declared[..start].replace(' ', "") }
    }

    pub(crate) fn is_pointer(&self) -> bool {
        self.kind.ends_with('*')
    }

    /// Whether it is the length of something, an enum or a tier.
    pub(crate) fn is_checked_number(&self) -> bool {
        // Any number is a priority.
        self.kind == "int32_t" && self.name != "priority"
            || self.kind == "size_t" && (self.name.ends_with("_size") || self.name.ends_with("_length"))
    }

    /// Whether it is text; a path is any bytes.
    pub(crate) fn is_text(&self) -> bool {
        self.kind == "constchar*" && !["path", "root", "directory"].contains(&self.name.as_str())
    }

    /// The type that it points to.
    pub(crate) fn handle(&self) -> &str {
        self.kind.trim_start_matches("const").trim_end_matches('*')
    }
}

/// Splits what stands between parentheses at its commas, up to the parenthesis that closes it.
pub(crate) fn split(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let mut parts = vec![String::new()];
    for character in text.chars() {
        if quoted {
            quoted = character != '"' || escaped;
            escaped = character == '\\' && !escaped;
        } else {
            match character {
                '"' => quoted = true,
                '(' => depth += 1,
                ')' if depth == 0 => break,
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        parts.last_mut().unwrap().push(character);
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// The functions that the header declares.
pub(crate) fn functions() -> Vec<Function> {
    let header = std::fs::read_to_string(repository().join("include/hsm.h")).unwrap();
    // A comment that tells of a function is not in the first column.
    let declared = |name: &str| {
        header.match_indices(&format!("{name}(")).find(|(at, _)| {
            let line = header[..*at].rfind('\n').map_or(0, |end| end + 1);
            header[line..].starts_with(|first: char| first.is_ascii_alphabetic())
                && header[..*at].ends_with([' ', '*'])
        })
    };
    let functions = crate::library::declared().into_iter().map(|name| {
        let (at, found) = declared(&name).unwrap_or_else(|| panic!("{name} is not declared"));
        Function::parse(&name, &header[at + found.len()..])
    });
    functions.collect()
}
