"""Tests of learning rates, of functions and of fits."""
