"""Benchmarks: this target beside its peers, on the same input, on the same machine, in the same run."""
