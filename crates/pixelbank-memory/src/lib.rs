//! One memory budget.
