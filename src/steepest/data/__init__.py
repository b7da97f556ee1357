"""Rows of data, dense or sparse: how they are read, checked and cut into batches."""
