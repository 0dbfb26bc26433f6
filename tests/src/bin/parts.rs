//! Writes parts of objects that another process began: `parts DIRECTORY BYTE`. For each line of its input, which holds a
//! token, an offset and a number of bytes, it writes such a part of that byte, and says which receipt it has or what it was
//! refused with.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use hsm_core::{PartReceipt, Result, Store, StoreOptions};
use hsm_tests::hex;

fn write(store: &Store, token: &[u8], offset: u64, content: &[u8]) -> Result<PartReceipt> {
    let parts = store.join_parts(token)?;
    // Half a block at a time: blocks are entered and left while another writes there.
    let half = parts.block_size() as usize / 2;
    let mut part = parts.part(offset)?;
    content.chunks(half).try_for_each(|run| part.add(run))?;
    part.finish()
}

fn main() -> Result<()> {
    const USAGE: &str = "usage: parts DIRECTORY BYTE";
    let mut arguments = std::env::args().skip(1);
    let directory: PathBuf = arguments.next().expect(USAGE).into();
    let byte: u8 = arguments.next().expect(USAGE).parse().expect(USAGE);
    let store = Store::open(directory, &StoreOptions::new())?;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let mut words = line.split_whitespace();
        let token = hex::decode(words.next().expect("a token"));
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
        let (offset, len) = (number(), number());
        let said = match write(&store, &token, offset, &vec![byte; len as usize]) {
            Ok(receipt) => format!("receipt {}", hex::encode(&receipt.to_bytes(&store))),
            Err(error) => format!("refused {:?}", error.kind()),
        };
        println!("{said}");
        std::io::stdout().flush().expect("it is read");
    }
    store.close()
}
