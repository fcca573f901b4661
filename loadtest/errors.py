"""The one error that load tests and benchmarks raise."""


class LoadTestError(Exception):
    """A load could not be run, or its result could not be read. The message says what is wrong and what to do."""
