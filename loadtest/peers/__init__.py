"""Servers that run the same functions as Hearth, to compare it with."""
