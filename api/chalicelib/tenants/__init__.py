"""Tenants, their keys, and the authentication of callers."""
