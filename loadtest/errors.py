"""What can keep a load test from being one."""


class LoadTestError(Exception):
    """A load could not be run or read; the sentence says what to do."""
