"""Tenants, their keys, and who is calling."""
