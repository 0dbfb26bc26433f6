//! Lives and deaths: clients are begun, killed in a phase that is drawn, and the store is audited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fmt, fs, thread};

use super::audit::{Auditor, Findings, audit_beside};
use super::ledger::{Account, Ledger};
use super::{CLIENTS, THREADS, client, options};
use crate::stress;
use crate::stress::Random;

/// The phases of a client, in the turn in which kills are meant to hit them, and how long into each one may come, in
/// microseconds.
const PHASES: [(&str, u64); 6] = [
    ("open", 25_000),
    ("work", 100_000),
    ("maintain", 15_000),
    ("work", 100_000),
    ("close", 15_000),
    ("work", 100_000),
];
/// Different ones.
const PHASES_MIN: usize = 4;
/// Kills of one store, after which a new one is begun: creating is killed too.
const KILLS_A_STORE: u64 = 60;
/// So long a client may take to come to the phase it is to die in.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was done to how many, and what came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Kills, by the phase they hit.
    pub kills: BTreeMap<String, u64>,
    /// Stores.
    pub stores: u64,
    /// Calls that were acknowledged.
    pub acknowledged: u64,
    /// Events in the feeds.
    pub events: u64,
    /// Whether two processes were at work: kills with nobody else, kills before an open by the next client, kills
    /// beside a living one.
    pub alone_after_beside: [u64; 3],
    /// What the audits found.
    pub findings: Findings,
}

impl Report {
    /// Every kill.
    pub fn kills(&self) -> u64 {
        self.kills.values().sum()
    }

    /// Whether there is nothing to complain of.
    pub fn is_good(&self) -> bool {
        let findings = &self.findings;
        findings.lost == 0 && findings.invented == 0 && findings.failures.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_phase: Vec<String> =
            self.kills.iter().map(|(phase, kills)| format!("{phase} {kills}")).collect();
        writeln!(formatter, "{} kills of {} stores ({})", self.kills(), self.stores, by_phase.join(", "))?;
        let [alone, after, beside] = self.alone_after_beside;
        writeln!(
            formatter,
            "  alone {alone}, opened next by another client {after}, beside a living one {beside}"
        )?;
        writeln!(formatter, "{} calls acknowledged, {} events", self.acknowledged, self.events)?;
        let found = &self.findings;
        writeln!(
            formatter,
            "{} audits: {} objects compared, {} copies read; calls in flight: {} done, {} not",
            found.audits, found.checked, found.copies, found.in_flight_done, found.in_flight_undone
        )?;
        writeln!(formatter, "{} lost, {} invented", found.lost, found.invented)?;
        found.failures.iter().take(50).try_for_each(|failure| writeln!(formatter, "FAILED {failure}"))
    }
}

/// Kills for about so long, at least every phase once. `directory` is made, and left for a look at what failed.
pub fn soak(directory: &Path, lasting: Duration, seed: u64) -> Report {
    let (mut report, mut random) = (Report::default(), Random(seed));
    let deadline = Instant::now() + lasting;
    while Instant::now() < deadline || report.kills.len() < PHASES_MIN {
        let place = directory.join(format!("{}", report.stores));
        fs::create_dir_all(place.join("ledgers")).expect("a directory for ledgers");
        let mut rounds = Rounds {
            store: place.join("store"),
            ledgers: place.join("ledgers"),
            random: Random(random.number()),
            report: &mut report,
            auditor: Auditor::default(),
        };
        rounds.run(deadline);
        if !report.is_good() {
            break;
        }
        fs::remove_dir_all(&place).expect("a store that is done with");
    }
    report
}

struct Rounds<'a> {
    store: PathBuf,
    ledgers: PathBuf,
    random: Random,
    report: &'a mut Report,
    auditor: Auditor,
}

impl Rounds<'_> {
    fn run(&mut self, deadline: Instant) {
        let (before, mut turn) = (self.report.kills(), self.random.below(3));
        while self.report.kills() - before < KILLS_A_STORE && self.report.is_good() {
            self.round(turn % 3);
            turn += 1;
            let enough = self.report.kills.len() >= PHASES_MIN;
            if Instant::now() > deadline && enough {
                break;
            }
        }
        self.report.stores += 1;
        for (client, thread) in
            (0..CLIENTS).flat_map(|client| (0..THREADS).map(move |thread| (client, thread)))
        {
            let account = Account::read(&Ledger::path(&self.ledgers, client, thread)).expect("a ledger");
            self.report.acknowledged += account.acknowledged;
        }
        if self.report.is_good() {
            // Once more, from the first event on, with every copy read from the medium.
            self.report.events += stress::audit::audit(&self.store, &options()).events;
        }
    }

    fn round(&mut self, turn: u64) {
        let first = self.random.below(CLIENTS.into()) as u8;
        let second = (first + 1) % CLIENTS;
        match turn {
            0 => {
                let child = self.begin(first);
                self.kill(first, child, 0);
            }
            1 => {
                // What the first left is made good by the second, which may die of it.
                let child = self.begin(first);
                self.kill(first, child, 1);
                let child = self.begin(second);
                self.kill(second, child, 1);
            }
            _ => {
                let (child, living) = (self.begin(first), self.begin(second));
                self.kill(first, child, 2);
                audit_beside(&self.store, &self.ledgers, first, &mut self.report.findings);
                self.kill(second, living, 0);
            }
        }
        self.auditor.audit(&self.store, &self.ledgers, &mut self.report.findings);
        let said = fs::read_to_string(client::failures_path(&self.ledgers)).unwrap_or_default();
        self.report.findings.failures.extend(said.lines().map(str::to_owned));
    }

    fn begin(&mut self, number: u8) -> Child {
        let _ = fs::remove_file(client::phase_path(&self.ledgers, number));
        Command::new(env::current_exe().expect("this program"))
            .arg("client")
            .args([&self.store, &self.ledgers])
            .args([u64::from(number), self.random.number()].map(|number| number.to_string()))
            .stdin(Stdio::null())
            .spawn()
            .expect("a client begins")
    }

    /// Lets a client come to a phase, and a little further, and kills it.
    fn kill(&mut self, number: u8, mut child: Child, company: usize) {
        // In turn, so that a short run has them all.
        let (phase, longest_us) = PHASES[(self.report.kills() % PHASES.len() as u64) as usize];
        if self.random.below(2) == 0 {
            // Not always the first time.
            thread::sleep(Duration::from_micros(self.random.below(200_000)));
        }
        let patience = Instant::now() + PATIENCE;
        while self.phase(number) != phase && Instant::now() < patience {
            thread::sleep(Duration::from_micros(500));
        }
        thread::sleep(Duration::from_micros(self.random.below(longest_us)));
        if let Some(status) = child.try_wait().expect("a client to look at") {
            self.report.findings.failures.push(format!("a client ended by itself: {status}"));
        }
        child.kill().expect("a client to kill");
        child.wait().expect("a client that was killed");
        *self.report.kills.entry(self.phase(number)).or_default() += 1;
        self.report.alone_after_beside[company] += 1;
    }

    fn phase(&self, number: u8) -> String {
        let said = fs::read_to_string(client::phase_path(&self.ledgers, number)).unwrap_or_default();
        said.lines().last().unwrap_or("begin").to_owned()
    }
}
