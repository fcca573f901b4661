"""Looks for ways out of a deployment's sandboxes from the inside; never part of what runs in production."""
