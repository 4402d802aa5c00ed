"""What the relay costs, measured beside its peers in one run on loopback. `python -m benchmarks --help`."""
