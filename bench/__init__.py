"""Benchmarks against peers and against the bare limit: `python -m bench`."""
