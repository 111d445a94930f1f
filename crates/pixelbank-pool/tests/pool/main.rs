//! What a pool promises, through its public interface.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::single_range_in_vec_init,
    reason = "parts of tensors of one dimension"
)]

mod bad_input;
mod conformance;
mod exchange;
mod model;
mod rig;
mod rules;
mod stress;
