//! Runs the two sides of a row in alternating rounds.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::error::{Context, Error, Result};
use crate::filesystem;

/// One side of a row. A round calls each method once, in this order.
pub(crate) trait Side {
    /// Brings about whatever the timed part starts from. Not timed.
    fn prepare(&mut self) -> Result<()>;

    /// Does the work and returns how much of it, in the row's unit without the "per second". Timed.
    fn run(&mut self) -> Result<f64>;

    /// Checks what was done, and removes what the next round must not find. Not timed.
    fn clean(&mut self) -> Result<()>;

    /// What else the round showed: a figure for each of the row's [`Also`](crate::rows::Also), in order.
    fn also(&mut self) -> Vec<f64> {
        Vec::new()
    }
}

/// The two that are compared.
pub(crate) struct Sides {
    /// Ours.
    pub(crate) ours: Box<dyn Side>,
    /// Whom we compare with; `None`: the goal is a figure of ours alone.
    pub(crate) rival: Option<Box<dyn Side>>,
}

/// Work per second, one figure a timed round.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Ours.
    pub(crate) ours: Vec<f64>,
    /// The rival's, empty without one; the figure at an index was taken right after ours at the same index.
    pub(crate) rival: Vec<f64>,
    /// What else our rounds showed; as they came, not per second.
    pub(crate) also: Vec<Vec<f64>>,
}

/// A round about to begin, for showing progress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// 0 is the warm-up, which is not counted.
    index: usize,
    /// Timed rounds in all.
    rounds: usize,
}

impl fmt::Display for Round {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => formatter.write_str("warm-up"),
            index => write!(formatter, "round {index} of {}", self.rounds),
        }
    }
}

/// Measures `rounds` rounds of each side after one warm-up round. `dir` names the file system they use. `around` is
/// run before and behind what is timed of ours in each round that counts.
pub(crate) fn alternate(
    sides: &mut Sides,
    dir: &Path,
    rounds: usize,
    around: Option<&Path>,
    mut progress: impl FnMut(Round),
) -> Result<Rates> {
    let mut rates = Rates::default();
    for index in 0..=rounds {
        progress(Round { index, rounds });
        let ours = rate(sides.ours.as_mut(), dir, around.filter(|_| index > 0))?;
        let rival = sides.rival.as_mut().map(|rival| rate(rival.as_mut(), dir, None)).transpose()?;
        if index > 0 {
            rates.ours.push(ours);
            rates.rival.extend(rival);
            rates.also.push(sides.ours.also());
        }
    }
    Ok(rates)
}

fn rate(side: &mut dyn Side, dir: &Path, around: Option<&Path>) -> Result<f64> {
    side.prepare()?;
    filesystem::settle(dir)?;
    tell(around, &["begin"])?;
    let started = Instant::now();
    let work = side.run()?;
    let elapsed_s = started.elapsed().as_secs_f64();
    tell(around, &["end", &work.to_string()])?;
    side.clean()?;
    Ok(work / elapsed_s)
}

/// Runs the command that turns a profiler on and off.
fn tell(around: Option<&Path>, arguments: &[&str]) -> Result<()> {
    let Some(command) = around else { return Ok(()) };
    let status = Command::new(command).args(arguments).status();
    let status = status.context(|| format!("run {}", command.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!("run {}", command.display()), status.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Writes down what was called.
    struct Recorded {
        name: &'static str,
        calls: Rc<RefCell<Vec<String>>>,
    }

    impl Recorded {
        fn boxed(name: &'static str, calls: &Rc<RefCell<Vec<String>>>) -> Box<dyn Side> {
            Box::new(Self { name, calls: Rc::clone(calls) })
        }

        fn record(&self, call: &str) {
            self.calls.borrow_mut().push(format!("{} {call}", self.name));
        }
    }

    impl Side for Recorded {
        fn prepare(&mut self) -> Result<()> {
            self.record("prepare");
            Ok(())
        }

        fn run(&mut self) -> Result<f64> {
            self.record("run");
            Ok(1.0)
        }

        fn clean(&mut self) -> Result<()> {
            self.record("clean");
            Ok(())
        }
    }

    #[test]
    fn sides_take_turns_and_the_warm_up_is_not_counted() {
        let calls = Rc::default();
        let ours = Recorded::boxed("ours", &calls);
        let mut sides = Sides { ours, rival: Some(Recorded::boxed("rival", &calls)) };
        let mut rounds = Vec::new();

        let dir = std::env::temp_dir();
        let rates = alternate(&mut sides, &dir, 2, None, |round| rounds.push(round.to_string())).unwrap();

        assert_eq!((rates.ours.len(), rates.rival.len()), (2, 2));
        assert_eq!(rounds, ["warm-up", "round 1 of 2", "round 2 of 2"]);
        let of_a_round =
            ["ours prepare", "ours run", "ours clean", "rival prepare", "rival run", "rival clean"];
        assert_eq!(*calls.borrow(), of_a_round.repeat(3));
    }

    #[test]
    fn ours_can_be_measured_alone() {
        let mut sides = Sides { ours: Recorded::boxed("ours", &Rc::default()), rival: None };
        let rates = alternate(&mut sides, &std::env::temp_dir(), 3, None, |_| ()).unwrap();
        assert_eq!((rates.ours.len(), rates.rival.len(), rates.also.len()), (3, 0, 3));
    }
}
