"""A compiled extension, vendored in the zip as `pip install --target` leaves it, under each Python."""

import importlib.metadata
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.images import PLATFORM
from tests.builders import invocation, version
from tests.integration.worker.conftest import TidySandboxes
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker

#: Small, and half of it is C. Its release is the one that the environment pins.
WHEEL = "markupsafe"
SOURCE = """
import markupsafe
from markupsafe import _speedups

def handler(event, context):
    return [str(markupsafe.escape(event)), markupsafe._escape_inner is _speedups._escape_inner, _speedups.__file__]
"""


@pytest.fixture(scope="module", params=["3.11", "3.13"])
def python(request: pytest.FixtureRequest) -> str:
    number: str = request.param
    return number


@pytest.fixture(scope="module")
def code(python: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A zip with a function and the wheel for that Python unpacked beside it."""
    wheel = download(python, tmp_path_factory.mktemp("wheel"))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(wheel) as vendored:
        for entry in vendored.infolist():
            archive.writestr(entry, vendored.read(entry))
        archive.writestr("main.py", SOURCE)
    return code.getvalue()


def download(python: str, folder: Path) -> Path:
    """Fetch the wheel as the images' own wheels are fetched."""
    options = ["--no-deps", "--only-binary=:all:", "--python-version", python, "--platform", PLATFORM]
    pinned = f"{WHEEL}=={importlib.metadata.version(WHEEL)}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(folder), pinned]
    subprocess.run(command, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def test_a_compiled_extension_in_the_zip_is_imported_from_there(
    sandboxes: TidySandboxes, python: str, code: bytes
) -> None:
    sandbox = sandboxes.start(version(code, runtime=f"python{python}", memory_mb=512, unpacked_bytes=1 << 20), code)

    ran = sandbox.invoke(invocation(version=sandbox.version), b'"<b>"')

    assert ran.end.how is How.ANSWERED, ran
    text, is_compiled, path = json.loads(ran.end.payload)
    assert (text, is_compiled) == ("&lt;b&gt;", True)
    assert path == f"/var/task/markupsafe/_speedups.cpython-{python.replace('.', '')}-x86_64-linux-gnu.so"
