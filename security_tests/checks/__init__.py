"""Judges what the attacker function saw, one module per check; never collects anything itself."""
