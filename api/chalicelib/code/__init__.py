"""Zips: whether one may come in, where it is kept, and how many versions name it."""
