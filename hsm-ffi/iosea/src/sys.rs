//! What `hsm.h` declares, as the build script read it there.

#![allow(dead_code, reason = "not every function of hsm.h is needed")]
#![allow(non_camel_case_types, reason = "the names are those of hsm.h")]

include!(concat!(env!("OUT_DIR"), "/hsm.rs"));
