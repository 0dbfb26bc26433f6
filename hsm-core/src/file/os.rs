//! stub
/// stub
#[derive(Debug)]
pub struct OsDisk;
