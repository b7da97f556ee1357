"""Rows of data: read and checked, in batches, dense or sparse."""
