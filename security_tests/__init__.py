"""Looks for ways out of a deployment's sandboxes from the inside."""
