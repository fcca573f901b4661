"""AWS's Lambda runtime interface emulator with AWS's runtime client, without isolation. It takes one call at a time.

The emulator is a program inside the wheel of AWS SAM CLI. pip downloads the wheel once; it is never installed.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from loadtest.errors import LoadTestError
from local.state import ROOT
from worker_agent.sandboxes.images import RUNTIMES

CACHE = ROOT / ".hearth" / "peers"
WHEEL = "aws-sam-cli==1.170.0"
MEMBER = "samcli/local/rapid/aws-lambda-rie-x86_64"
RUNTIME_CLIENT = RUNTIMES / "python3.11" / "requirements.txt"


def obtain(cache: Path = CACHE) -> tuple[Path, Path]:
    """Returns the emulator and the folder of the runtime client, after fetching what is missing.

    Raises LoadTestError when pip cannot fetch it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    program, packages = cache / "aws-lambda-rie", cache / "packages"
    if not program.exists():
        _pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(cache), WHEEL)
        [wheel] = cache.glob("aws_sam_cli-*.whl")
        _extract(wheel, program)
        wheel.unlink()
    if not packages.exists():
        _pip("install", "--quiet", "--require-hashes", "--target", str(packages), "-r", str(RUNTIME_CLIENT))
    return program, packages


def _extract(wheel: Path, program: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        if MEMBER not in archive.namelist():
            raise LoadTestError(f"{WHEEL} has no {MEMBER}")
        draft = program.with_suffix(".tmp")
        draft.write_bytes(archive.read(MEMBER))
    draft.chmod(0o755)
    draft.replace(program)


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise LoadTestError(f"AWS's emulator cannot be fetched: {' '.join(last)}")


def command(program: Path, port: int, runtime_port: int) -> list[str]:
    """Returns the command line that serves `main.handler`, found on PYTHONPATH."""
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{runtime_port}"]
    return [str(program), *addresses, sys.executable, "-m", "awslambdaric", "main.handler"]


def environ(packages: Path, source: Path) -> dict[str, str]:
    """Returns the environment in which the emulator serves a function's source file."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{packages}{os.pathsep}{source.parent}",
        "LAMBDA_TASK_ROOT": str(source.parent),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
