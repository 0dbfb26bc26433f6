//! A root that a restored store takes over from one that may be at work, or that is opened time and again without that
//! root: in every order of their steps, what the restored one counted on stays there.
//!
//! | step | code (below `hsm-core/src`) |
//! |---|---|
//! | `Open` | `Store::check_age`, `Store::set_apart` in `store/open/age` |
//! | `Note` | `Tiers::tell_roots` in `tier/seen` |
//! | `Ask`, `Remove` | `Engine::check_is_ours` in `engine/ours`, which holds the root; then a page of removals |
//! | `Restore`, `TakeOver`, `Survey`, `Reconcile` | `store/open/restore`; `take_over` and what follows in `store/reconcile` |
//!
//! Coarser than the code in this: one root, one place on it, which is garbage to the first store from the beginning. The
//! first never reconciles. A root that goes away takes along who holds it.

use stateright::{Checker, HasDiscoveries, Model, Property};

const EPOCHS_MAX: u8 = 6;
const NUMBERS_MAX: u8 = 8;
/// Who began an epoch: nobody told, the first store, the restored one.
const FIRST: u8 = 1;
const RESTORED: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// Who began an epoch is not asked.
    NumbersAlone,
    /// What lies behind the journal's end alone is not of it.
    BehindIsOurs,
    /// The roots are told at the end.
    SurveyFirst,
    /// A note is written over whatever is there.
    NoteOverOthers,
    /// A root is taken over amid a page of removals.
    NotHeld,
}

/// What a root has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seen {
    epoch: u8,
    number: u8,
    begun_by: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Lost,
    Restored,
    TakenOver,
    Surveyed,
    Reconciled,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any go together")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// Whether the root is in reach.
    there: bool,
    /// Whether the place is on it.
    place: bool,
    seen: Seen,
    /// The epochs of the first store behind its first: number and first change.
    epochs: Vec<(u8, u8)>,
    number: u8,
    open: bool,
    held: bool,
    /// Whether the root was away when it was opened, and was not compared since.
    unseen: bool,
    /// Whether it holds the root, for a page of removals.
    removing: bool,
    stage: Stage,
    /// Where the journal of the restored store ends.
    restored: (u8, u8),
    /// Whether the restored store has found the place.
    counted: bool,
}

impl State {
    fn last(&self) -> (u8, u8) {
        (self.epochs.last().map_or(1, |(epoch, _)| *epoch), self.number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Away,
    Back,
    Open,
    Close,
    Change,
    Note,
    Ask,
    Remove,
    Restore,
    TakeOver,
    Survey,
    Reconcile,
}

#[derive(Debug, Clone, Copy)]
struct TakeOver(Option<Mistake>);

impl TakeOver {
    /// `catalog::is_unknown`, of a journal that was never reconciled.
    fn is_unknown(self, state: &State) -> bool {
        let (seen, at) = (state.seen, (state.seen.epoch, state.seen.number));
        if self.0 == Some(Mistake::BehindIsOurs) && at <= state.last() {
            return false;
        }
        let own = state.epochs.iter().find(|(epoch, _)| *epoch == seen.epoch);
        let is_another = match own {
            Some(_) => seen.begun_by != FIRST,
            None => state.epochs.first().map_or(state.last().0, |(second, _)| second - 1) <= seen.epoch,
        };
        if is_another && seen.begun_by != 0 && self.0 != Some(Mistake::NumbersAlone) {
            return true;
        }
        let next = state.epochs.iter().find(|(epoch, _)| *epoch > seen.epoch);
        at > state.last()
            || own.is_some_and(|(_, first)| seen.number < *first)
            || next.is_some_and(|(_, first)| *first <= seen.number)
    }

    fn open(self, state: &mut State) {
        (state.open, state.held, state.unseen) = (true, false, !state.there);
        if state.there {
            state.held = self.is_unknown(state);
        } else if state.number > state.epochs.last().map_or(0, |(_, first)| *first) {
            state.number += 1;
            state.epochs.push((state.last().0 + 1, state.number));
        }
    }

    fn note(self, state: &mut State) {
        if self.0 != Some(Mistake::NoteOverOthers) && (state.unseen || self.is_unknown(state)) {
            return;
        }
        let (epoch, number) = state.last();
        if (state.seen.epoch, state.seen.number) < (epoch, number) {
            state.seen = Seen { epoch, number, begun_by: if epoch == 1 { 0 } else { FIRST } };
        }
    }

    fn ask(self, state: &mut State) {
        state.held = self.is_unknown(state);
        state.unseen = false;
        state.removing = !state.held;
    }

    /// The restored store tells the root that it is its own, in an epoch beyond what that has seen.
    fn tell(state: &mut State) {
        if state.seen.epoch >= state.restored.0 && state.seen.begun_by != RESTORED {
            state.restored = (state.seen.epoch + 1, state.restored.1 + 1);
        }
        let (epoch, number) = state.restored;
        state.seen = Seen { epoch, number, begun_by: RESTORED };
    }
}

impl Model for TakeOver {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            there: true,
            place: true,
            seen: Seen { epoch: 1, number: 1, begun_by: 0 },
            epochs: Vec::new(),
            number: 1,
            open: false,
            held: false,
            unseen: false,
            removing: false,
            stage: Stage::Lost,
            restored: (0, 1),
            counted: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let works = state.open && !state.held;
        let late = self.0 == Some(Mistake::SurveyFirst);
        let is_free = !state.removing || self.0 == Some(Mistake::NotHeld);
        let can = [
            (Action::Away, state.there),
            (Action::Back, !state.there),
            (Action::Open, !state.open && state.last().0 < EPOCHS_MAX && state.number < NUMBERS_MAX),
            (Action::Close, state.open),
            (Action::Change, works && state.number < NUMBERS_MAX),
            (Action::Note, works && state.there),
            (Action::Ask, works && state.there && !state.removing),
            (Action::Remove, state.removing),
            (Action::Restore, state.there && state.stage == Stage::Lost),
            (Action::TakeOver, state.there && state.stage == Stage::Restored && !late && is_free),
            (
                Action::Survey,
                state.there && state.stage == if late { Stage::Restored } else { Stage::TakenOver },
            ),
            (Action::Reconcile, state.there && state.stage == Stage::Surveyed),
        ];
        actions.extend(can.into_iter().filter(|(_, can)| *can).map(|(action, _)| action));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Away => (state.there, state.removing) = (false, false),
            Action::Back => state.there = true,
            Action::Open => self.open(&mut state),
            Action::Close => (state.open, state.removing) = (false, false),
            Action::Change => state.number += 1,
            Action::Note => self.note(&mut state),
            Action::Ask => self.ask(&mut state),
            Action::Remove => (state.place, state.removing) = (false, false),
            Action::Restore => {
                (state.stage, state.restored) = (Stage::Restored, (state.seen.epoch + 1, 2));
            }
            Action::TakeOver => {
                Self::tell(&mut state);
                state.stage = Stage::TakenOver;
            }
            Action::Survey => (state.counted, state.stage) = (state.place, Stage::Surveyed),
            Action::Reconcile => {
                state.restored = (state.restored.0 + 1, state.restored.1 + 1);
                Self::tell(&mut state);
                state.stage = Stage::Reconciled;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("what was counted on is there", |_, state| {
                !state.counted || state.place
            }),
            Property::<Self>::sometimes("the first finds out", |_, state| state.held),
            Property::<Self>::sometimes("the first removes", |_, state| !state.place),
            Property::<Self>::sometimes("the first is ahead of who has taken its root over", |_, state| {
                state.stage == Stage::Reconciled && state.last() > (state.seen.epoch, state.seen.number)
            }),
        ]
    }
}

#[test]
fn what_a_restored_store_counts_on_stays_whatever_the_first_does() {
    let checker = TakeOver(None).checker().threads(2).spawn_bfs().join();
    println!(
        "a root is taken over: {} states, {} of them different, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    super::is_told("a root is taken over", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn every_mistake_in_the_taking_over_of_roots_is_found() {
    for mistake in [
        Mistake::NumbersAlone,
        Mistake::BehindIsOurs,
        Mistake::SurveyFirst,
        Mistake::NoteOverOthers,
        Mistake::NotHeld,
    ] {
        let checker = TakeOver(Some(mistake)).checker().finish_when(HasDiscoveries::AnyFailures);
        let found = checker.spawn_bfs().join().discovery("what was counted on is there");
        println!("{mistake:?}: {}", found.as_ref().map_or(0, |path| path.clone().into_actions().len()));
        assert!(found.is_some(), "{mistake:?} is not found");
    }
}
