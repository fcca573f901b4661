"""Decides which Invocations may run, and makes them."""
