"""The benchmarks: what one call, one start, one reading and one refusal cost, each held against a bar."""
