"""Does nothing, or naps if it is told to, and answers how long that took by its own clock."""

import time


def handler(event, context):
    began = time.perf_counter()
    if "nap_s" in event:
        time.sleep(event["nap_s"])
    return {"duration_ms": (time.perf_counter() - began) * 1000}
