//! Why a model says what it says. Values in, values out: no I/O, no clock, no global randomness.
