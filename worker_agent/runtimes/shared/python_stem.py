"""The first process of a Python sandbox: imports AWS's runtime client, waits to be told what it is, and becomes it."""

import os
import sys

sys.path.append("/var/runtime/lib")

import hearth_assignment
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

#: Where the packages of layers lie, in the order they are looked for.
LAYER_PATHS = [f"/opt/python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages", "/opt/python"]


def main() -> None:
    """Wait for the assignment, then run AWS's own loop; it never returns."""
    environment, handler, zips = hearth_assignment.wait()
    for folder in ("/opt/lib", "/var/task/lib"):  # the loader has seen that they can be there (see the Dockerfile)
        os.rmdir(folder)
    hearth_assignment.become(environment)
    hearth_assignment.unpack(zips)
    extra = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    sys.path[:1] = [hearth_assignment.TASK_ROOT, *LAYER_PATHS, *extra]
    sys.argv[:] = [hearth_assignment.TASK_ROOT]
    bootstrap.run(handler, LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"], False))


main()
