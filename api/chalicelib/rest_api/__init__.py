"""The REST API: short routes and plain JSON, for curl and for programs without an SDK; parses and renders only."""
