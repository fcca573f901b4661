"""Zips: their checks, the store, and the count of versions that name each."""
