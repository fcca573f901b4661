"""Functions and all that belongs to one: versions, aliases, layers, concurrency, tags, policies, URLs."""
