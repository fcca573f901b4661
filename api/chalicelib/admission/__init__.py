"""Whether an Invocation may run, and what exactly is to run."""
