"""The waits, in the triggerer."""
