"""The heavy task: recursion that keeps a core busy, then half a second of waiting that should cost no CPU."""

import time


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def handler(event, context):
    n = event.get("n", 20)
    result = fibonacci(n)
    print(f"fibonacci({n}) = {result}")
    time.sleep(0.5)
    return {"n": n, "result": result, "time_left_ms": context.get_remaining_time_in_millis()}
