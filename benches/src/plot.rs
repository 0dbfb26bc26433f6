//! Draws the costs in a store that grows: both scales are logarithmic, so a level line is a cost that stays.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::error::{Context, Error, Result};
use crate::growth::{OPERATIONS, Point};

const SIZE: (u32, u32) = (900, 560);
/// Told apart without red against green.
const COLOURS: [RGBColor; OPERATIONS.len()] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
];

/// Takes the letters of the TrueType font at `font`: a picture is laid out by their widths. To be called before it is drawn.
pub(crate) fn take_letters(font: &Path) -> Result<()> {
    let letters = std::fs::read(font).context(|| format!("read the font {}", font.display()))?;
    // Fonts are kept for the life of the program, and it draws with one.
    register_font("sans-serif", FontStyle::Normal, letters.leak())
        .map_err(|_| Error::new("read the font", format!("{} is no TrueType font", font.display())))
}

/// Draws `points` as SVG, whose text is drawn by whoever shows it.
pub(crate) fn svg(path: &Path, points: &[Point]) -> Result<()> {
    draw(&SVGBackend::new(path, SIZE).into_drawing_area(), points)
        .context(|| format!("draw {}", path.display()))
}

/// Draws `points` as PNG.
pub(crate) fn png(path: &Path, points: &[Point]) -> Result<()> {
    draw(&BitMapBackend::new(path, SIZE).into_drawing_area(), points)
        .context(|| format!("draw {}", path.display()))
}

fn draw<'a, B: DrawingBackend + 'a>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    points: &[Point],
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let costs = || points.iter().flat_map(|point| point.costs_us);
    let (least, most) = (costs().fold(f64::MAX, f64::min), costs().fold(0.0, f64::max));
    let sizes = || points.iter().map(|point| point.objects as f64);
    let (from, to) = (sizes().fold(f64::MAX, f64::min), sizes().fold(0.0, f64::max));
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption("Cost of an operation against the number of objects in the store", ("sans-serif", 19))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        // Room above for the names of the lines.
        .build_cartesian_2d((from..to).log_scale(), (least / 1.5..most * 6.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("objects in the store")
        .y_desc("µs an object")
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|size| thousands(*size))
        .y_label_formatter(&|cost| format!("{cost}"))
        .draw()?;
    for (operation, (name, colour)) in OPERATIONS.into_iter().zip(COLOURS).enumerate() {
        let line: Vec<_> =
            points.iter().map(|point| (point.objects as f64, point.costs_us[operation])).collect();
        let series = LineSeries::new(line, colour.stroke_width(2)).point_size(3);
        let drawn = chart.draw_series(series)?;
        drawn
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()
}

fn thousands(size: f64) -> String {
    match size {
        size if size >= 1e6 => format!("{} M", size / 1e6),
        size if size >= 1e3 => format!("{} k", size / 1e3),
        size => format!("{size}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Where systems keep fonts.
    const FONTS: [&str; 3] = ["/usr/share/fonts", "/System/Library/Fonts", "/Library/Fonts"];

    /// A TrueType font anywhere below `dir`.
    fn font_below(dir: &Path) -> Option<PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort_unstable();
        let is_font = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "ttf");
        paths
            .iter()
            .find(|path| is_font(path))
            .cloned()
            .or_else(|| paths.iter().find_map(|path| font_below(path)))
    }

    #[test]
    fn both_pictures_are_drawn_and_name_their_lines() {
        let Some(font) = FONTS.iter().find_map(|dir| font_below(Path::new(dir))) else {
            println!("skipped: there is no TrueType font, and neither picture can be laid out without one");
            return;
        };
        take_letters(&font).unwrap();
        let points = [(1000, 1.0), (10_000, 2.0)].map(|(objects, cost)| Point {
            objects,
            costs_us: [1.0, 2.0, 3.0, 4.0, 5.0].map(|times| times * cost),
        });
        let dir = tempfile::tempdir().unwrap();
        let (svg_path, png_path) = (dir.path().join("growth.svg"), dir.path().join("growth.png"));
        svg(&svg_path, &points).unwrap();
        png(&png_path, &points).unwrap();
        let drawn = std::fs::read_to_string(&svg_path).unwrap();
        for name in OPERATIONS {
            assert!(drawn.contains(name), "{name} is not in the picture");
        }
        assert!(drawn.contains("10 k"), "{drawn}");
        assert_eq!(std::fs::read(&png_path).unwrap()[1..4], *b"PNG");
    }
}
