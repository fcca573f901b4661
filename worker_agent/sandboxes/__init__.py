"""Sandboxes: containers, their cgroups and network namespaces, and the Runtime API inside."""
