"""Loads and benchmarks: what Hearth costs and holds, measured; no part of the product imports it."""
