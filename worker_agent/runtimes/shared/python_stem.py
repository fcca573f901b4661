"""The first process of a Python sandbox: imports AWS's runtime client, waits to be told what it is, and becomes it."""

import os
import sys

sys.path.append("/opt/hearth/lib")

import hearth_assignment
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient


def main() -> None:
    """Wait for the assignment, then run AWS's own loop; it never returns."""
    environment, handler, code = hearth_assignment.wait()
    hearth_assignment.become(environment)
    extra = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    sys.path[:1] = [hearth_assignment.TASK_ROOT, *extra]
    sys.argv[:] = [hearth_assignment.TASK_ROOT]
    hearth_assignment.unpack(code)
    bootstrap.run(handler, LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"], False))


main()
