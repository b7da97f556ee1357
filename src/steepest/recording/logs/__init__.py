"""Readers of what training loops log: tables of losses, event files, and the histories of other libraries."""
