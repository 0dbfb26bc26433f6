//! The choices of what survives a power loss, and the states that a stop leaves.

use hsm_core::testing::disk::{Keep, PendingStep, Tear};

use super::run::Count;
use super::world::World;
use crate::audit::Verdict;

/// Sectors of a torn write: every other one, and the rest.
const EVEN_SECTORS: u64 = 0x5555_5555_5555_5555;

/// Every choice that concerns one pending change, and `seeds` random ones.
pub(crate) fn choices(pending: &[PendingStep], seeds: u64) -> Vec<Keep> {
    let mut choices = vec![Keep::None];
    if pending.is_empty() {
        return choices; // Nothing to choose: all of them are this one.
    }
    choices.extend([Keep::All, Keep::Reversed]);
    for (at, step) in pending.iter().enumerate() {
        choices.extend([Keep::Only(at), Keep::AllBut(at), Keep::First(at)]);
        if let Some(range) = &step.write {
            let len = (range.end - range.start) as usize;
            let cuts = [1, len / 2, len.saturating_sub(1)].map(Tear::Prefix);
            let tears = cuts.into_iter().chain([Tear::Sectors(EVEN_SECTORS), Tear::Sectors(!EVEN_SECTORS)]);
            choices.extend(tears.map(|tear| Keep::Torn { at, tear }));
        }
    }
    choices.extend((1..=seeds).map(Keep::Random));
    choices
}

/// Ends a world where it is, and checks each state that this can leave: the process died, or the power was lost, with `seeds`
/// random choices of what survived it.
pub(super) fn each_left(
    world: &mut World,
    seeds: u64,
    count: &mut Count,
    check: impl Fn(&mut World) -> Verdict<()>,
) -> Verdict<()> {
    world.disk.stop();
    world.store = None;
    let image = world.disk.crash();
    count.process += 1;
    let mut died = World::after(world, image.process_crash(), None);
    check(&mut died).map_err(|wrong| format!("the process died: {wrong}"))?;
    for keep in choices(&image.pending(), seeds) {
        count.power += 1;
        count.distinct += 1;
        let mut lost = World::after(world, image.power_loss(keep), None);
        check(&mut lost).map_err(|wrong| format!("power loss, {keep:?}: {wrong}"))?;
    }
    Ok(())
}
