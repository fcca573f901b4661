"""Judges what the attacker function saw, one module per check."""
