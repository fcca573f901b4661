"""Does nothing, and answers how long that took by its own clock."""

import time


def handler(event, context):
    began = time.perf_counter()
    return {"duration_ms": (time.perf_counter() - began) * 1000}
