"""The parts of benchmarks/readers.py: a module per kind of reader."""
