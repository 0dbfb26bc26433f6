//! Reads `include/hsm.h` and makes of it what this crate calls: declarations in Rust, and a library to link against.
//!
//! libhestia.so needs libhsm.so when it is loaded, not when it is linked: the linker gets a *stub*, a library with the
//! name and the functions of libhsm.so and nothing in them. So this crate builds whether libhsm.so was built before or
//! not, and a call that `hsm.h` does not declare does not build at all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    // As it is when this runs: a build directory may have been copied from another place.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies");
    let header = Path::new(&manifest).join("../../include/hsm.h");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", header.display());
    println!("cargo::rerun-if-env-changed=CC");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where output goes"));
    let text = std::fs::read_to_string(&header).expect("include/hsm.h is committed");

    let declared = Declared::read(&text);
    std::fs::write(out.join("hsm.rs"), &declared.rust).expect("the output directory can be written");
    let stub = build_stub(&out, &declared.functions);

    let major = env!("CARGO_PKG_VERSION_MAJOR");
    for argument in [
        stub.display().to_string().as_str(),
        &format!("-Wl,-soname,libhestia.so.{major}"),
        // libhsm.so lies beside it.
        "-Wl,-rpath,$ORIGIN",
        // What it handed out and a thread's last error are still there after dlclose().
        "-Wl,-z,nodelete",
        "-Wl,-z,defs",
    ] {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}

/// Builds a library with these functions, under the name that the loader knows libhsm.so by.
fn build_stub(out: &Path, functions: &[String]) -> PathBuf {
    let (source, stub) = (out.join("stub.c"), out.join("libhsm.so"));
    let mut code = String::new();
    for name in functions {
        let _ = writeln!(code, "void {name}(void) {{}}"); // A string takes everything.
    }
    std::fs::write(&source, code).expect("the output directory can be written");
    let compiler =
        std::env::var("CC").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "cc".to_owned());
    let soname = format!("-Wl,-soname,libhsm.so.{}", env!("CARGO_PKG_VERSION_MAJOR"));
    let mut command = Command::new(&compiler);
    command.args(["-shared", "-fPIC", "-nostdlib", &soname, "-o"]).arg(&stub).arg(&source);
    let status = command.status().unwrap_or_else(|error| panic!("cannot run {compiler}: {error}"));
    assert!(status.success(), "{command:?} failed");
    stub
}

/// What the header declares.
#[derive(Default)]
struct Declared {
    /// In Rust.
    rust: String,
    functions: Vec<String>,
    /// Types with callbacks, which nothing here uses; nor the functions that take them.
    left_out: BTreeSet<String>,
}

impl Declared {
    fn read(header: &str) -> Self {
        let mut declared = Self::default();
        let code = without_comments(header);
        for line in code.lines() {
            let mut words = line.strip_prefix("#define ").unwrap_or_default().split_whitespace();
            if let (Some(name), Some(value)) = (words.next(), words.next())
                && value.parse::<i64>().is_ok()
            {
                declared.line(&format!("pub(crate) const {name}: i32 = {value};"));
            }
        }
        let code = code.lines().filter(|line| !line.starts_with('#') && !line.contains("extern \"C\""));
        for item in items(&code.collect::<Vec<_>>().join("\n")) {
            declared.item(&item);
        }
        declared
    }

    fn line(&mut self, line: &str) {
        self.rust.push_str(line);
        self.rust.push('\n');
    }

    fn item(&mut self, item: &str) {
        if let Some(record) = item.strip_prefix("typedef struct ") {
            if let Some((name, fields)) = record.split_once('{') {
                self.record(name.trim(), fields);
            } else {
                let name = record.split(' ').next().unwrap_or_default();
                self.line(&format!("#[repr(C)] pub(crate) struct {name} {{ _opaque: [u8; 0] }}"));
            }
        } else if let Some(other) = item.strip_prefix("typedef ") {
            let (kind, name) = other.rsplit_once(' ').unwrap_or_default();
            self.line(&format!("pub(crate) type {name} = {};", rust_type(kind)));
        } else if let Some((before, arguments)) = item.split_once('(') {
            self.function(before, arguments.trim_end_matches(')'));
        }
    }

    fn record(&mut self, name: &str, fields: &str) {
        if fields.contains("(*") {
            self.left_out.insert(name.to_owned());
            return;
        }
        let (fields, _) = fields.rsplit_once('}').unwrap_or_default();
        let mut text = format!("#[repr(C)] #[derive(Clone, Copy)] pub(crate) struct {name} {{ ");
        for field in fields.split(';').map(str::trim).filter(|field| !field.is_empty()) {
            let (name, kind) = split_name(field);
            let kind = match name.split_once('[') {
                Some((_, length)) => format!("[{}; {}]", rust_type(&kind), length.trim_end_matches(']')),
                None => rust_type(&kind),
            };
            let name = name.split('[').next().unwrap_or_default();
            let _ = write!(text, "pub(crate) {name}: {kind}, ");
        }
        self.line(&(text + "}"));
    }

    fn function(&mut self, before: &str, arguments: &str) {
        let (name, kind) = split_name(before);
        self.functions.push(name.clone());
        if self.left_out.iter().any(|left_out| arguments.contains(left_out)) {
            return;
        }
        let arguments = arguments.split(',').map(str::trim).filter(|argument| *argument != "void");
        let arguments = arguments.map(|argument| {
            let (name, kind) = split_name(argument);
            format!("{name}: {}", rust_type(&kind))
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let answer = if kind == "void" { String::new() } else { format!(" -> {}", rust_type(&kind)) };
        self.line(&format!("unsafe extern \"C\" {{ pub(crate) fn {name}({arguments}){answer}; }}"));
    }
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    code + rest
}

/// Declarations, each on one line: what ends with a semicolon outside of braces.
fn items(code: &str) -> Vec<String> {
    let (mut depth, mut items, mut item) = (0_i32, Vec::new(), String::new());
    for character in code.chars() {
        match character {
            ';' if depth == 0 => {
                items.push(item.split_whitespace().collect::<Vec<_>>().join(" "));
                item.clear();
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        item.push(character);
    }
    items
}

/// The name that a declaration ends with, and the type before it.
fn split_name(declaration: &str) -> (String, String) {
    let at = declaration.rfind([' ', '*']).map_or(0, |at| at + 1);
    (declaration[at..].to_owned(), declaration[..at].trim().to_owned())
}

/// A type of C in Rust.
fn rust_type(kind: &str) -> String {
    let kind = kind.trim();
    if let Some(inner) = kind.strip_suffix('*') {
        let inner = inner.trim();
        // The const at the front is that of the innermost pointer.
        return match inner.strip_prefix("const ") {
            Some(target) if !target.contains('*') => format!("*const {}", rust_type(target)),
            _ => format!("*mut {}", rust_type(inner)),
        };
    }
    match kind {
        "char" => "core::ffi::c_char",
        "void" => "core::ffi::c_void",
        "size_t" => "usize",
        other => other.strip_suffix("_t").map_or(other, |fixed| match fixed {
            "int32" => "i32",
            "uint8" => "u8",
            "uint32" => "u32",
            "int64" => "i64",
            "uint64" => "u64",
            _ => other,
        }),
    }
    .to_owned()
}
