"""What benchmarks/identity.py is made of."""
