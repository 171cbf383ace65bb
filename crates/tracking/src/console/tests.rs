//! The console's routes against both databases.
