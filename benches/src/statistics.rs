//! Medians and ratios of a few rounds.
//!
//! The median, because one disturbed round in seven must not move the figure. The ratio is taken round
//! by round, between neighbours in time, and only then summed up: what slows the machine for a minute
//! slows both sides of a pair.

/// The middle of some figures, and how far they reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// The middle figure; of an even number, the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Summary {
    /// Sums up `figures`; `None` when there are none.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => return None,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, min: sorted[0], max: sorted[sorted.len() - 1] })
    }
}

/// The ratio of each round of ours to the rival's round beside it. Above 1: ours is faster.
pub(crate) fn pairwise_ratios(ours: &[f64], rival: &[f64]) -> Vec<f64> {
    ours.iter().zip(rival).map(|(ours, rival)| ours / rival).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_one_in_the_middle() {
        let summary = Summary::of(&[9.0, 1.0, 2.0]);
        assert_eq!(summary, Some(Summary { median: 2.0, min: 1.0, max: 9.0 }));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let summary = Summary::of(&[4.0, 1.0, 100.0, 2.0]);
        assert_eq!(summary, Some(Summary { median: 3.0, min: 1.0, max: 100.0 }));
    }

    #[test]
    fn one_figure_is_its_own_summary_and_none_have_none() {
        assert_eq!(Summary::of(&[5.0]), Some(Summary { median: 5.0, min: 5.0, max: 5.0 }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn a_ratio_compares_neighbours_in_time() {
        // Both halve their speed in the second round: the pairs agree where medians alone would not show it.
        assert_eq!(pairwise_ratios(&[30.0, 15.0, 40.0], &[10.0, 5.0, 10.0]), [3.0, 3.0, 4.0]);
        assert!(pairwise_ratios(&[], &[10.0]).is_empty());
    }
}
