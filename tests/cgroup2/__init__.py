"""A small cgroup-v2 machine under qemu in which the worker's tests run; pytest on the host collects nothing here."""
