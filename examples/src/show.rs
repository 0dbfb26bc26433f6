//! What the demonstration prints: headings, tables, sizes, rates and progress. Plain text.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Prints a line. That nobody reads any more (`| head`) is no reason to stop half-way.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::show::line(format_args!($($text)*)) };
}

/// What [`say!`](crate::say) does.
pub fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints the heading of a chapter.
pub fn heading(number: u32, text: &str) {
    say!("\n{number}. {text}\n{}", "-".repeat(text.len() + 3));
}

/// Prints what a program said, indented, in lines of bounded width.
pub fn quote(text: &str) {
    const WIDTH: usize = 84;
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.len() + word.len() > WIDTH {
            say!("    {}", line.trim_end());
            line.clear();
        }
        line += word;
        line.push(' ');
    }
    say!("    {}", line.trim_end());
}

/// A number of bytes for people: `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How long something took, and how many entries and bytes that is a second.
pub fn rate(entries: u64, bytes: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-9);
    let per_second = (entries as f64 / seconds) as u64;
    let bytes_per_second = (bytes as f64 / seconds) as u64;
    format!("{:.2} s, {per_second} entries/s, {}/s", took.as_secs_f64(), size(bytes_per_second))
}

/// Prints rows with aligned columns: the first column to the left, the others to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let pad = |(column, cell): (usize, &str)| {
            let width = widths[column];
            if column == 0 { format!("    {cell:<width$}") } else { format!("   {cell:>width$}") }
        };
        let line: String = cells.enumerate().map(pad).collect();
        say!("{}", line.trim_end());
    };
    print(&mut header.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}

/// Progress on one line of a terminal; silent where the output goes elsewhere.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    of: u64,
    done: u64,
    bytes: u64,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Begins to count up to `of`.
    pub fn new(what: &'static str, of: u64) -> Self {
        Self { what, of, done: 0, bytes: 0, shown: None, is_terminal: io::stdout().is_terminal() }
    }

    /// One that shows nothing.
    pub fn quiet() -> Self {
        Self { is_terminal: false, ..Self::new("", 0) }
    }

    /// Counts one more, of so many bytes.
    pub fn step(&mut self, bytes: u64) {
        self.done += 1;
        self.bytes += bytes;
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= Duration::from_millis(100));
        if self.is_terminal && is_due {
            self.shown = Some(Instant::now());
            let (what, done, of, bytes) = (self.what, self.done, self.of, size(self.bytes));
            let mut terminal = io::stdout();
            let _ = write!(terminal, "\r    {what} {done} of {of}, {bytes}\x1b[K");
            let _ = terminal.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.shown.is_some() {
            let _ = write!(io::stdout(), "\r\x1b[K");
            let _ = io::stdout().flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
