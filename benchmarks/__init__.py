"""Measurements that are committed: `python -m benchmarks.<name>`, never part of the tests."""
