//! One module for each command.

pub mod bench;
pub mod extract;
pub mod info;
pub mod ledger;
pub mod mesh;
pub mod sample;
pub mod serve;
pub mod shell;
pub mod thumb;
pub mod top;
mod watched;
