//! The program `pixelbank`.
fn main() {}
