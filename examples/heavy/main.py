"""The heavy task: recursion that keeps a core busy, then half a second of waiting that should cost no CPU.

It answers how long it took by its own clock, so that a caller can tell the platform's part of a call from ours.
"""

import time


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def handler(event, context):
    began = time.perf_counter()
    n = event.get("n", 20)
    result = fibonacci(n)
    print(f"fibonacci({n}) = {result}")
    time.sleep(event.get("nap_s", 0.5))
    left_ms = context.get_remaining_time_in_millis()
    return {"n": n, "result": result, "time_left_ms": left_ms, "duration_ms": (time.perf_counter() - began) * 1000}
