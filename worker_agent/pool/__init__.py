"""The pool of warm sandboxes, the Stems behind it, and the cache of code."""
