"""The scenarios: stacks, functions and loads as plain values; nothing here runs anything."""
