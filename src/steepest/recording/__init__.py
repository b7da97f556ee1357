"""Runs recorded from other programs: their own loops, callbacks and logs."""
