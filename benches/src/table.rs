//! The table for people: one line a row, columns as wide as they need to be.

use crate::results::RowResult;
use crate::statistics::Summary;

const HEADINGS: [&str; 7] = ["row", "unit", "ours", "rival", "ratio", "goal", "met"];

/// Lays `results` out under headings. Figures are medians, with the smallest and largest behind them.
pub(crate) fn render(results: &[RowResult]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(results.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();

    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text.push_str("\nrivals\n");
    text.extend(
        results
            .iter()
            .map(|result| format!("{:<width$}  {}\n", result.name, result.rival_name, width = widths[0])),
    );
    text
}

fn cells(result: &RowResult) -> [String; 7] {
    [
        result.name.to_owned(),
        result.unit.to_owned(),
        figures(result.ours),
        figures(result.rival),
        figures(result.ratio),
        result.goal.sign().to_owned() + &figure(result.goal.figure()),
        result.met().map_or("-", |met| if met { "yes" } else { "no" }).to_owned(),
    ]
}

fn figures(summary: Option<Summary>) -> String {
    summary.map_or_else(
        || "-".into(),
        |summary| format!("{} ({}–{})", figure(summary.median), figure(summary.min), figure(summary.max)),
    )
}

/// Three digits that count; more would claim a precision that rounds do not have.
fn figure(number: f64) -> String {
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Goal;

    #[test]
    fn columns_line_up_and_missing_figures_are_dashes() {
        let rival = Some(Summary { median: 1234.5, min: 99.4, max: 2000.0 });
        let (ours, ratio) = (None, None);
        let measured = RowResult {
            name: "put",
            rival_name: "cp",
            unit: "MiB/s",
            ours,
            rival,
            ratio,
            goal: Goal::Ratio(0.85),
            rounds: 7,
        };
        let met = RowResult { ratio: Some(Summary { median: 0.9, min: 0.8, max: 1.0 }), ..measured.clone() };
        let expected = "\
row  unit   ours  rival             ratio             goal  met
put  MiB/s  -     1234 (99.4–2000)  -                 0.85  -
put  MiB/s  -     1234 (99.4–2000)  0.90 (0.80–1.00)  0.85  yes

rivals
put  cp
put  cp
";
        assert_eq!(render(&[measured, met]), expected);
    }
}
