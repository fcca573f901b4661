"""A function's environment variables, as Lambda documents them."""

import secrets
import time

from shared_lua.contract import Version


def environment(version: Version) -> dict[str, str]:
    """Return the environment variables of a function: Lambda's, then the function's own."""
    region = version.arn.split(":")[3]
    return {
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.function,
        "AWS_LAMBDA_FUNCTION_VERSION": version.number,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{version.function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[{version.number}]{secrets.token_hex(16)}",
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        # Threads of numerical libraries fight over a small CPU share: a 0.1 ms solve then takes 100 ms.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "_HANDLER": version.handler,
        **version.environment,
    }
