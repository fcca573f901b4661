"""Door 2, for people and curl: short routes, plain JSON; parses and renders, and decides nothing."""
