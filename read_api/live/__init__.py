"""What changes, pushed as it happens, and what did not change, not read again: both follow the change log."""
