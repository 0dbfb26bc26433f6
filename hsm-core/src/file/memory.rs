//! stub
/// stub
#[derive(Debug)]
pub struct MemoryDisk;
