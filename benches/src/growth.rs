//! What an operation costs in one store that grows, at 1, 2 and 5 times each power of ten.
//!
//! A *point* is one such size: the processor and the disk do the same work at each, so a curve that stays level says
//! that the cost does not depend on how much the store holds. Objects are those of [`populated`].

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use hsm_core::Query;
use hsm_core::object::{Name, ObjectId};

use crate::error::{Context, Error, Result};
use crate::filesystem;
use crate::ours::Ours;
use crate::payloads;
use crate::populated::{self, DATASET, Ids};
use crate::statistics::Summary;

/// Objects in a durable batch.
const BATCH_OBJECTS: usize = 1000;
/// Batches that are timed, where so many fit between two sizes.
const BATCHES_MAX: usize = 10;
/// Objects that are looked up and read, in a round.
const LOOKUPS: usize = 2000;
/// Objects that are listed, in a round, where there are so many.
const LISTED_MAX: usize = 200_000;
const ROUNDS: usize = 3;

/// The operations, in the order of a point's costs.
pub(crate) const OPERATIONS: [&str; 5] = [
    "put under a key, durable batches of 1000",
    "get 64 bytes at random",
    "look up at random",
    "list in order of arrival",
    "list by key",
];

/// The costs in a store of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) objects: usize,
    /// Microseconds an object, in the order of [`OPERATIONS`].
    pub(crate) costs_us: [f64; OPERATIONS.len()],
}

/// Fills a store in `dir` up to `objects_max`, and measures on the way.
pub(crate) fn measure(dir: &Path, objects_max: usize) -> Result<Vec<Point>> {
    let ours = Ours::create(&dir.join("growing"))?;
    let mut points = Vec::new();
    let mut there = 0;
    for objects in sizes(objects_max) {
        let timed_from = there.max(objects.saturating_sub(BATCHES_MAX * BATCH_OBJECTS));
        if there < timed_from {
            populated::fill(&ours, there..timed_from, Ids::Ours)?;
        }
        filesystem::settle(dir)?;
        let mut puts = Vec::new();
        for from in (timed_from..objects).step_by(BATCH_OBJECTS) {
            let begun = Instant::now();
            populated::fill(&ours, from..from + BATCH_OBJECTS, Ids::Ours)?;
            puts.push(cost_us(begun, BATCH_OBJECTS));
        }
        there = objects;
        let dataset = ours.store().dataset(DATASET).context(|| "find the dataset".into())?.id;
        let ids = at_random(&ours, objects)?;
        let listed = objects.min(LISTED_MAX);
        let costs_us = [
            middle(&puts)?,
            median(|| read(&ours, &ids))?,
            median(|| look_up(&ours, &ids))?,
            median(|| list(&ours, &Query::default(), listed))?,
            median(|| list(&ours, &Query::dataset(dataset), listed))?,
        ];
        eprintln!("{objects} objects: {costs_us:.2?} µs");
        points.push(Point { objects, costs_us });
    }
    Ok(points)
}

/// As a table of values between commas, for whoever wants to draw it in another way.
pub(crate) fn as_csv(points: &[Point]) -> String {
    let mut text =
        format!("objects,{}\n", OPERATIONS.map(|name| name.replace(',', ";") + " (µs/object)").join(","));
    for point in points {
        let costs = point.costs_us.map(|cost| format!("{cost:.3}")).join(",");
        let _ = writeln!(text, "{},{costs}", point.objects);
    }
    text
}

fn sizes(objects_max: usize) -> impl Iterator<Item = usize> {
    let powers = std::iter::successors(Some(BATCH_OBJECTS), |power| power.checked_mul(10));
    powers
        .flat_map(|power| [1, 2, 5].map(|times| power.saturating_mul(times)))
        .take_while(move |size| *size <= objects_max)
}

fn cost_us(begun: Instant, objects: usize) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6 / objects as f64
}

/// The median of some rounds, after one that is not counted. A round says what it cost.
fn median(mut round: impl FnMut() -> Result<f64>) -> Result<f64> {
    round()?;
    let costs = (0..ROUNDS).map(|_| round()).collect::<Result<Vec<_>>>()?;
    middle(&costs)
}

fn middle(costs: &[f64]) -> Result<f64> {
    let summary = Summary::of(costs).ok_or_else(|| Error::new("sum rounds up", "there are none"))?;
    Ok(summary.median)
}

/// Ids of objects anywhere among the first `objects`.
fn at_random(ours: &Ours, objects: usize) -> Result<Vec<ObjectId>> {
    let dataset = ours.store().dataset(DATASET).context(|| "find the dataset".into())?.id;
    let mut bytes = vec![0; LOOKUPS * 8];
    payloads::fill_random(&mut bytes)?;
    let (numbers, _) = bytes.as_chunks();
    let keys =
        numbers.iter().map(|number| populated::key((u64::from_le_bytes(*number) % objects as u64) as usize));
    let find = |key| ours.store().find(&Name { dataset, key }).context(|| "find an object".into());
    keys.map(find).collect()
}

fn read(ours: &Ours, ids: &[ObjectId]) -> Result<f64> {
    let begun = Instant::now();
    for id in ids {
        ours.get_small(*id)?;
    }
    Ok(cost_us(begun, ids.len()))
}

fn look_up(ours: &Ours, ids: &[ObjectId]) -> Result<f64> {
    let begun = Instant::now();
    for id in ids {
        ours.store().object(*id).context(|| "look an object up".into())?;
    }
    Ok(cost_us(begun, ids.len()))
}

fn list(ours: &Ours, query: &Query, objects: usize) -> Result<f64> {
    let begun = Instant::now();
    for object in ours.store().objects(query).take(objects) {
        object.context(|| "list objects".into())?;
    }
    Ok(cost_us(begun, objects))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_evenly_up_to_the_largest() {
        assert_eq!(sizes(20_000).collect::<Vec<_>>(), [1000, 2000, 5000, 10_000, 20_000]);
        assert_eq!(sizes(999).count(), 0);
    }

    #[test]
    fn each_point_is_a_line_with_a_figure_for_each_operation() {
        let csv = as_csv(&[Point { objects: 1000, costs_us: [1.0, 2.0, 3.5, 4.0, 5.0] }]);
        let mut lines = csv.lines().map(|line| line.split(',').count());
        assert_eq!((lines.next(), lines.next(), lines.next()), (Some(6), Some(6), None));
        assert!(csv.ends_with("1000,1.000,2.000,3.500,4.000,5.000\n"), "{csv}");
    }
}
