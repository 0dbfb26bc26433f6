//! What can happen next, and what must hold whatever happened.
//!
//! Properties are about stores that someone has open: while nobody has, the store is what the next open makes of it.

use stateright::{Model, Property};

use super::commit::Fault;
use super::state::{Bits, Kind, PROCESSES, Protocol, State, Step, Told};

/// One transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Go(usize),
    SyncJournal(usize),
    SyncData(usize),
    SyncFails(usize, Fault),
    Reclaim(usize),
    Crash(usize),
    Open(usize),
    /// Length of the journal and of the index afterwards; which places are torn.
    PowerLoss(u8, u8, u16),
}

/// What has to be seen to happen, so that the rest says something.
pub(crate) const COVERAGE: [&str; 4] = [
    "both processes get through",
    "a recovery cuts off what is not whole",
    "a sweep removes something",
    "a store is read after a power loss",
];

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (process, at) in state.processes.iter().enumerate() {
            match at.step {
                Step::Dead => actions.push(Action::Open(process)),
                Step::Appended { .. } => {
                    actions.extend([Action::SyncJournal(process), Action::SyncData(process)]);
                    actions.push(Action::Go(process));
                }
                Step::Idle if !self.garbage(state).is_empty() => {
                    actions.extend([Action::Reclaim(process), Action::Go(process)]);
                }
                _ => actions.push(Action::Go(process)),
            }
            if at.step != Step::Dead && state.crashes < self.crashes {
                actions.push(Action::Crash(process));
            }
            if at.step.is_working() && state.faults < self.faults {
                let faults = [Fault::Journal, Fault::Data, Fault::Places];
                actions.extend(faults.map(|fault| Action::SyncFails(process, fault)));
            }
        }
        if state.losses < self.losses {
            let ways = state.power_losses();
            actions.extend(
                ways.into_iter().map(|(journal, index, torn)| Action::PowerLoss(journal, index, torn)),
            );
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Go(process) if state.processes[process].step.is_opening() => {
                self.go_open(&mut state, process)?;
            }
            Action::Go(process) => self.go(&mut state, process)?,
            Action::SyncJournal(process) => self.sync(&mut state, process, true)?,
            Action::SyncData(process) => self.sync(&mut state, process, false)?,
            Action::SyncFails(process, fault) => self.fail_sync(&mut state, process, fault)?,
            Action::Reclaim(_) => {
                self.garbage(last).into_iter().for_each(|place| state.places[place] = Bits::Removed);
            }
            Action::Crash(process) => {
                state.crashes += 1;
                state.die(process);
            }
            Action::Open(process) => state.open(process)?,
            Action::PowerLoss(journal, index, torn) => self.lose_power(&mut state, (journal, index, torn)),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what was acknowledged survives", survives),
            Property::always("what was not acknowledged is there wholly or not at all", is_whole),
            Property::always("what was refused did not happen", is_refused),
            Property::always("a position never means another change", keeps_positions),
            Property::always("no place is removed that a generation refers to", keeps_places),
            Property::always("the index is a replay of the journal", is_replay),
            Property::always("a move changes no content", keeps_content),
            Property::sometimes(COVERAGE[0], |protocol: &Self, state: &State| {
                (0..PROCESSES).all(|process| protocol.next(state, process).is_none())
                    && !state.told.contains(&Told::Refused)
                    && state.processes.iter().all(|process| process.step == Step::Idle)
            }),
            Property::sometimes(COVERAGE[1], |_: &Self, state: &State| state.cut && is_open(state)),
            Property::sometimes(COVERAGE[2], |_: &Self, state: &State| state.swept && is_open(state)),
            Property::sometimes(COVERAGE[3], |_: &Self, state: &State| state.losses > 0 && is_open(state)),
        ]
    }
}

fn is_open(state: &State) -> bool {
    state.processes.iter().any(|process| process.step.is_working())
}

fn survives(_: &Protocol, state: &State) -> bool {
    let changes = state.changes();
    !is_open(state)
        || (0..)
            .zip(&state.told)
            .all(|(change, told)| !matches!(told, Told::Relaxed | Told::Durable) || changes.contains(&change))
}

/// A change in the index is visible, so all that it brought and nothing replaced must be readable. That a group is all or
/// nothing is the checksum's doing; its data is what could be there by half.
fn is_whole(protocol: &Protocol, state: &State) -> bool {
    let bits = |place: &usize| state.places[*place];
    !is_open(state)
        || protocol
            .fold(&state.index.applied)
            .values()
            .all(|place| bits(place).are_readable() || bits(place) == Bits::Removed)
}

fn is_refused(_: &Protocol, state: &State) -> bool {
    let changes = state.changes();
    !is_open(state)
        || (0..).zip(&state.told).all(|(change, told)| *told != Told::Refused || !changes.contains(&change))
}

fn keeps_positions(_: &Protocol, state: &State) -> bool {
    let now = |(epoch, number, change): &(u8, u8, u8)| {
        let at = usize::from(*number);
        at > state.journal.len() || state.epoch(at) != *epoch || state.journal[at - 1].change == *change
    };
    !is_open(state) || state.given.iter().all(now)
}

fn keeps_places(protocol: &Protocol, state: &State) -> bool {
    let live = protocol.fold(&state.index.applied);
    !is_open(state) || live.values().all(|place| state.places[*place] != Bits::Removed)
}

/// Whoever read an object before a move reads the same behind it.
fn keeps_content(protocol: &Protocol, state: &State) -> bool {
    let applied = &state.index.applied;
    let moves = (0..applied.len()).filter(|at| protocol.kind(applied[*at]) == Some(Kind::Moved));
    !is_open(state)
        || moves.into_iter().all(|at| {
            let (_, objects) = protocol.change(applied[at]);
            let read = |applied: &[u8]| {
                let place = protocol.fold(applied).get(&objects[0]).copied();
                place.map(|place| protocol.content(state, place))
            };
            read(&applied[..at]) == read(&applied[..=at])
        })
}

/// What is not applied yet is applied by the next writer; what is, is the journal's.
fn is_replay(_: &Protocol, state: &State) -> bool {
    !is_open(state) || state.changes().starts_with(&state.index.applied)
}
