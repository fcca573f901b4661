"""Each runtime in real containers: what a function may count on, whatever it is written in."""

import json
import shutil
import subprocess

import pytest

from tests.builders import version
from tests.conftest import ROOT
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.languages import answer, error, run, start, start_error
from tests.zips import Files, zipped
from worker_agent.sandboxes.images import offered
from worker_agent.sandboxes.sandbox import StartFailed

pytestmark = pytest.mark.docker

EXAMPLES = ROOT / "examples"

PYTHON = """
import os
calls = 0
def handler(event, context):
    global calls
    calls += 1
    print("hello")
    1 / event.get("by", 1)
    return {"event": event, "calls": calls, "mine": os.environ.get("MINE")}
"""


@pytest.fixture(scope="session")
def c_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The C example as a program that needs no library."""
    compiler = shutil.which("cc")
    assert compiler, "a C compiler is missing: apt-get install gcc libc6-dev"
    program = tmp_path_factory.mktemp("c") / "bootstrap"
    source = EXAMPLES / "bootstrap_c" / "bootstrap.c"
    subprocess.run([compiler, "-static", "-O2", "-Wall", "-Werror", "-o", program, source], check=True)
    return program.read_bytes()


def function(language: str) -> tuple[str, Files, str]:
    """The runtime, files and handler of the same small function in each language."""
    if language.startswith("python"):
        return language, {"main.py": PYTHON}, "main.handler"
    if language == "node":
        return "nodejs20.x", {"index.mjs": (EXAMPLES / "hello_node" / "index.mjs").read_text()}, "index.handler"
    return "provided", {"bootstrap": (EXAMPLES / "bootstrap_python" / "bootstrap").read_text()}, "any"


LANGUAGES = ["python3.11", "python3.13", "node", "provided"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_function_answers_keeps_its_state_and_sees_its_environment(sandboxes: TidySandboxes, language: str) -> None:
    sandbox = start(sandboxes, *function(language))

    first, second = run(sandbox, {"n": 1}), run(sandbox, {"n": "ä"})

    assert json.loads(first.end.payload) == {"event": {"n": 1}, "calls": 1, "mine": "yes"}
    assert json.loads(second.end.payload) == {"event": {"n": "ä"}, "calls": 2, "mine": "yes"}
    assert first.log.endswith("hello\n")
    assert second.log.count("hello\n") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_has_lambdas_shape_and_the_sandbox_stays(sandboxes: TidySandboxes, language: str) -> None:
    sandbox = start(sandboxes, *function(language))

    failed = error(run(sandbox, {"by": 0}))

    assert failed["errorType"] == ("RangeError" if language == "node" else "ZeroDivisionError")
    assert failed["errorMessage"] == "division by zero"
    assert answer(sandbox)["calls"] == 2


def test_a_bootstrap_in_c_answers_and_keeps_its_state(sandboxes: TidySandboxes, c_bootstrap: bytes) -> None:
    sandbox = start(sandboxes, "provided", {"bootstrap": c_bootstrap}, "any")

    first, second = run(sandbox, {"n": 1}), run(sandbox)

    assert json.loads(first.end.payload) == {"event": {"n": 1}, "calls": 1, "mine": "yes"}
    assert (json.loads(second.end.payload)["calls"], second.log) == (2, "hello\n")


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
def test_a_python_function_that_cannot_start_says_why(sandboxes: TidySandboxes, runtime: str) -> None:
    missing = start_error(lambda: start(sandboxes, runtime, {"main.py": "import nope"}, "main.handler"))
    unnamed = start_error(lambda: start(sandboxes, runtime, {"main.py": "other = 1"}, "main.handler"))

    assert (missing["errorType"], unnamed["errorType"]) == ("Runtime.ImportModuleError", "Runtime.HandlerNotFound")


BOOTSTRAPS = {
    "missing": ({"other": "#!/bin/sh\n"}, 0o755, "No such file or directory"),
    "not executable": ({"bootstrap": "#!/bin/sh\n"}, 0o644, "Permission denied"),
    "no program": ({"bootstrap": "what is this"}, 0o755, "Exec format error"),
    "no interpreter": ({"bootstrap": "#!/bin/nope\n"}, 0o755, "No such file or directory"),
    "a folder": ({"bootstrap/x": ""}, 0o755, "Permission denied"),
}


@pytest.mark.parametrize(("files", "mode", "message"), BOOTSTRAPS.values(), ids=BOOTSTRAPS)
def test_a_bootstrap_that_cannot_be_executed_is_an_invalid_entrypoint(
    sandboxes: TidySandboxes, files: Files, mode: int, message: str
) -> None:
    told = start_error(lambda: start(sandboxes, "provided", files, "any", mode=mode))

    assert told["errorType"] == "Runtime.InvalidEntrypoint"
    assert told["errorMessage"] == f"/var/task/bootstrap cannot be executed: {message}"


def test_a_bootstrap_from_a_zip_without_modes_is_executable(sandboxes: TidySandboxes) -> None:
    assert answer(start(sandboxes, *function("provided"), mode=0))["calls"] == 1


def rubbish(kind: str) -> bytes:
    """A zip with something wrong in it."""
    good = bytearray(zipped({"index.js": "exports.handler = async () => 1;" * 9, "main.py": "x = 1\n" * 9}))
    if kind == "damaged":
        good[60] ^= 0xFF
    if kind == "encrypted":
        good[good.index(b"PK\x01\x02") + 8] |= 1
        good[6] |= 1
    if kind == "too short":
        del good[:40]
    return b"PK\x05\x06rubbish" if kind == "rubbish" else bytes(good)


@pytest.mark.parametrize("kind", ["damaged", "encrypted", "too short", "rubbish"])
@pytest.mark.parametrize("runtime", ["nodejs20.x", "provided", "python3.13"])
def test_a_zip_that_does_not_unpack_is_a_start_error(sandboxes: TidySandboxes, runtime: str, kind: str) -> None:
    code = rubbish(kind)

    with pytest.raises(StartFailed) as failed:
        sandboxes.start(version(code, runtime=runtime, handler="index.handler"), code)

    assert error(failed.value.ran)["errorType"] == "Runtime.InvalidZipFile"


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
def test_a_python_package_in_the_zip_imports_whatever_the_runtime_itself_has_loaded(
    sandboxes: TidySandboxes, runtime: str
) -> None:
    files = {
        "main.py": "import deep.er, stem, http.client\ndef handler(e, c):\n    return [deep.er.VALUE, stem.VALUE]",
        "deep/__init__.py": "",
        "deep/er.py": "VALUE = 7",
        "stem.py": "VALUE = 8",  # the name of the runtime's own first file
    }

    assert answer(start(sandboxes, runtime, files, "main.handler")) == [7, 8]


SETUID = "find / -xdev -perm /6000 2>/dev/null; id -u"
BOOTSTRAP = """#!/bin/sh
# Answers one event with what was found, through a Python of the image as sh has no HTTP.
found=$(SETUID)
exec python3 -c '
import http.client, json, sys
api = http.client.HTTPConnection("127.0.0.1:9001")
api.request("GET", "/2018-06-01/runtime/invocation/next")
event = api.getresponse()
event.read()
request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", json.dumps(sys.argv[1]))
' "$found"
"""
PYTHON_FINDS = f"import subprocess\ndef handler(e, c):\n return subprocess.getoutput({SETUID!r})"
NODE_FINDS = f"exports.handler = async () => `${{require('child_process').execSync({SETUID!r})}}`.trim();"
FINDERS = {
    "nodejs20.x": ("index.js", NODE_FINDS),
    "provided": ("bootstrap", BOOTSTRAP.replace("SETUID", SETUID)),
    "python3.11": ("main.py", PYTHON_FINDS),
    "python3.13": ("main.py", PYTHON_FINDS),
}


@pytest.mark.parametrize("runtime", FINDERS)
def test_no_image_has_a_setuid_file_and_every_function_is_nobody(sandboxes: TidySandboxes, runtime: str) -> None:
    name, source = FINDERS[runtime]

    sandbox = start(sandboxes, runtime, {name: source}, f"{name.partition('.')[0]}.handler", timeout_s=30)

    assert answer(sandbox) == "65534"


def test_every_offered_runtime_is_proven_here() -> None:
    assert set(FINDERS) == set(offered())
