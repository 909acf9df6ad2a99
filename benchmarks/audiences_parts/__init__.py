"""The parts of benchmarks/audiences.py: the data, and one module per way of counting."""
