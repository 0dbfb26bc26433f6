//! stub
use hsm_tests::crash::{Effort, Report, all_verbs};
fn main() {
    let mut report = Report::default();
    let seeds = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(2);
    all_verbs(Effort { seeds, threads: 2 }, &mut report);
    for c in &report.counts {
        println!("{:45} {:4} {:5} {:6}", c.name, c.steps, c.process, c.power);
    }
    println!(
        "total {} {} {}",
        report.counts.iter().map(|c| c.steps).sum::<u64>(),
        report.counts.iter().map(|c| c.process).sum::<u64>(),
        report.counts.iter().map(|c| c.power).sum::<u64>()
    );
    println!("failures {}", report.failures.len());
    let mut last = String::new();
    let mut shown = 0;
    for f in &report.failures {
        if f.name != last {
            shown = 0;
            last = f.name.clone();
        }
        shown += 1;
        if shown <= 2 {
            println!("FAIL {} | {} | {:.300} | {:.900}", f.name, f.step, f.state, f.message);
        }
    }
}
