"""Each runtime in real containers: what a function may count on, whatever it is written in."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from tests.builders import invocation, version
from tests.conftest import ROOT
from tests.integration.worker.conftest import TidySandboxes
from worker_agent.docker_sandbox import DockerSandbox
from worker_agent.images import offered
from worker_agent.runtime_api import How
from worker_agent.sandbox import Ran, StartFailed

pytestmark = pytest.mark.docker

EXAMPLES = ROOT / "examples"
Files = Mapping[str, str | bytes]

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


def zip_of(files: Files, mode: int = 0o755) -> bytes:
    """A zip whose files have this mode, as `zip` makes it; with mode 0 it has only DOS's archive bit, as elsewhere."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16 if mode else 0x20
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return data.getvalue()


def start(sandboxes: TidySandboxes, runtime: str, files: Files, handler: str, **changed: Any) -> DockerSandbox:
    code = zip_of(files, changed.pop("mode", 0o755))
    values = {"memory_mb": 1769, "timeout_s": 10, "environment": {"MINE": "yes"}, **changed}
    return sandboxes.start(version(code, runtime=runtime, handler=handler, **values), code)


def run(sandbox: DockerSandbox, event: Any = None) -> Ran:
    return sandbox.invoke(invocation(version=sandbox.version), json.dumps(event or {}).encode())


def answer(sandbox: DockerSandbox, event: Any = None) -> Any:
    ran = run(sandbox, event)
    assert ran.end.how is How.ANSWERED, ran
    return json.loads(ran.end.payload)


def error(ran: Ran) -> Any:
    assert ran.end.how in (How.FAILED, How.INIT_FAILED), ran
    return json.loads(ran.end.payload)


def start_error(sandboxes: TidySandboxes, runtime: str, files: Files, handler: str, **changed: Any) -> Any:
    with pytest.raises(StartFailed) as failed:
        start(sandboxes, runtime, files, handler, **changed)
    assert failed.value.ran.end.how is How.INIT_FAILED, failed.value.ran
    return error(failed.value.ran)


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


START_ERRORS = {
    "no module": ({"index.js": "require('nope')"}, "Runtime.ImportModuleError", "Cannot find module 'nope'"),
    "no ES module": ({"index.mjs": "import 'nope'"}, "Runtime.ImportModuleError", "Cannot find package 'nope'"),
    "no file": ({"other.js": ""}, "Runtime.ImportModuleError", "Cannot find module 'index'"),
    "no function": ({"index.js": "exports.other = 1"}, "Runtime.HandlerNotFound", "index.handler is undefined"),
    "not a function": ({"index.js": "exports.handler = 1"}, "Runtime.HandlerNotFound", "is not a function"),
    "syntax": ({"index.js": "exports.handler = ("}, "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected"),
    "raises": ({"index.js": "throw new TypeError('at import')"}, "TypeError", "at import"),
    "rejects": ({"index.js": "Promise.reject(new Error('lost')); exports.handler = () => new Promise(() => {})"},
                "Runtime.UnhandledPromiseRejection", "Error: lost"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "kind", "message"), START_ERRORS.values(), ids=START_ERRORS)
def test_a_node_function_that_cannot_start_says_why(
    sandboxes: TidySandboxes, files: Files, kind: str, message: str
) -> None:
    told = start_error(sandboxes, "nodejs20.x", files, "index.handler")

    assert (told["errorType"], set(told)) == (kind, {"errorType", "errorMessage", "trace"})
    assert message in told["errorMessage"]


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
def test_a_python_function_that_cannot_start_says_why(sandboxes: TidySandboxes, runtime: str) -> None:
    missing = start_error(sandboxes, runtime, {"main.py": "import nope"}, "main.handler")
    unnamed = start_error(sandboxes, runtime, {"main.py": "other = 1"}, "main.handler")

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
    told = start_error(sandboxes, "provided", files, "any", mode=mode)

    assert told["errorType"] == "Runtime.InvalidEntrypoint"
    assert told["errorMessage"] == f"/var/task/bootstrap cannot be executed: {message}"


def test_a_bootstrap_from_a_zip_without_modes_is_executable(sandboxes: TidySandboxes) -> None:
    assert answer(start(sandboxes, *function("provided"), mode=0))["calls"] == 1


def rubbish(kind: str) -> bytes:
    """A zip with something wrong in it."""
    good = bytearray(zip_of({"index.js": "exports.handler = async () => 1;" * 9, "main.py": "x = 1\n" * 9}))
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


NODE_FILES = {
    "node_modules/dep/package.json": '{"main": "lib/it.js"}',
    "node_modules/dep/lib/it.js": "exports.value = 7;",
    "node_modules/esm/package.json": '{"type": "module", "exports": "./it.js"}',
    "node_modules/esm/it.js": "export const value = 8;",
}
ES_MODULE = "import {value} from 'esm'; export const handler = async () => value;"
AWAITING = "const {value} = await import('esm'); export const handler = async () => value;"
NODE_MODULES = {
    "CommonJS": ({"index.js": "exports.handler = async () => require('dep').value;"}, 7),
    "cjs": ({"index.cjs": "exports.handler = async () => require('dep').value;"}, 7),
    "mjs": ({"index.mjs": ES_MODULE}, 8),
    "by package.json": ({"package.json": '{"type": "module"}', "index.js": ES_MODULE}, 8),
    "awaiting at the top": ({"index.mjs": AWAITING}, 8),
}


@pytest.mark.parametrize(("files", "value"), NODE_MODULES.values(), ids=NODE_MODULES)
def test_a_node_module_of_either_kind_loads_with_its_dependencies(
    sandboxes: TidySandboxes, files: Files, value: int
) -> None:
    assert answer(start(sandboxes, "nodejs20.x", {**NODE_FILES, **files}, "index.handler")) == value


def test_a_node_handler_may_lie_in_a_folder_and_in_an_object(sandboxes: TidySandboxes) -> None:
    files = {"src/api.js": "exports.users = {get: async () => 'got'};"}

    assert answer(start(sandboxes, "nodejs20.x", files, "src/api.users.get")) == "got"


NODE_HANDLERS = {
    "async": ("async () => 1", 1),
    "callback": ("(e, c, back) => setTimeout(() => back(null, 1), 20)", 1),
    "callback waits for what is left": (
        "(e, c, back) => { const a = [1]; back(null, a); setTimeout(() => a.push(2), 50); }", [1, 2]
    ),
    "callback that does not wait": (
        "(e, c, back) => { c.callbackWaitsForEmptyEventLoop = false; back(null, 1); setInterval(() => {}, 1000); }", 1
    ),
    "the first callback counts": ("(e, c, back) => { back(null, 1); back(null, 2); }", 1),
    "succeed": ("(e, c) => c.succeed(1)", 1),
    "nothing called back": ("() => 'ignored'", None),
    "undefined": ("async () => undefined", None),
    "a promise that hangs": ("() => new Promise(() => {})", None),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), NODE_HANDLERS.values(), ids=NODE_HANDLERS)
def test_a_node_handler_answers_in_each_of_lambdas_ways(sandboxes: TidySandboxes, source: str, expected: Any) -> None:
    sandbox = start(sandboxes, "nodejs20.x", {"index.js": f"exports.handler = {source};"}, "index.handler")

    assert [answer(sandbox), answer(sandbox)] == [expected, expected]


NODE_FAILURES = {
    "throws": ("() => { throw new TypeError('no') }", "TypeError", "no", True),
    "rejects": ("async () => { throw new TypeError('no') }", "TypeError", "no", True),
    "a text": ("async () => { throw 'no' }", "string", "no", True),
    "calls back": ("(e, c, back) => back(new TypeError('no'))", "TypeError", "no", True),
    "fail": ("(e, c) => c.fail('no')", "string", "no", True),
    "an answer that is no JSON": ("async () => 1n", "TypeError", "Do not know how to serialize a BigInt", True),
    "nobody catches": ("() => { setTimeout(() => { throw new TypeError('no') }) }", "TypeError", "no", False),
    "nobody awaits": (
        "async () => { Promise.reject(new TypeError('no')); await new Promise((r) => setTimeout(r, 5000)) }",
        "Runtime.UnhandledPromiseRejection", "TypeError: no", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "kind", "message", "stays"), NODE_FAILURES.values(), ids=NODE_FAILURES)
def test_a_node_error_has_lambdas_shape_however_it_comes(
    sandboxes: TidySandboxes, source: str, kind: str, message: str, stays: bool
) -> None:
    sandbox = start(sandboxes, "nodejs20.x", {"index.js": f"exports.handler = {source};"}, "index.handler")

    ran = run(sandbox)

    told = error(ran)
    assert (told["errorType"], told["errorMessage"], set(told)) == (
        kind,
        message,
        {"errorType", "errorMessage", "trace"},
    )
    assert kind in ran.log
    if stays:
        assert run(sandbox).end.how is How.FAILED


def test_a_node_function_gets_lambdas_context(sandboxes: TidySandboxes) -> None:
    source = "exports.handler = async (e, c) => ({ ...c, remaining: c.getRemainingTimeInMillis() });"
    told = answer(start(sandboxes, "nodejs20.x", {"index.js": source}, "index.handler"))

    assert 9000 < told.pop("remaining") <= 10_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told.pop("logStreamName"))
    assert told == {
        "awsRequestId": "i-1",
        "callbackWaitsForEmptyEventLoop": True,
        "functionName": "f",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "logGroupName": "/aws/lambda/f",
        "memoryLimitInMB": "1769",
    }


def test_all_that_a_node_function_and_its_children_print_is_in_the_log(sandboxes: TidySandboxes) -> None:
    source = """
        const { execSync } = require("node:child_process");
        exports.handler = async () => {
          console.log("one", { two: 2 });
          console.error("three");
          process.stdout.write("four\\n");
          execSync("echo five; echo six >&2", { stdio: "inherit" });
          console.log("x".repeat(500_000));
        };
        """
    ran = run(start(sandboxes, "nodejs20.x", {"index.js": source}, "index.handler"))

    lines = [re.sub(r"^[-0-9T:.]+Z\ti-1\t", "", line) for line in ran.log.splitlines()]
    assert lines[:5] == ["INFO\tone { two: 2 }", "ERROR\tthree", "four", "five", "six"]
    assert lines[5].endswith("x" * 100)


def test_a_node_function_may_use_the_memory_it_has_and_garbage_does_not_kill_it(sandboxes: TidySandboxes) -> None:
    source = """
        exports.handler = async ({ live_mb, garbage_mb }) => {
          const mb = () => Array.from({ length: 64 }, () => new Array(2048).fill(0.5));
          const kept = Array.from({ length: live_mb }, mb);
          let ring = [];
          for (let n = 0; n < garbage_mb; n++) { ring.push(mb()); if (ring.length > 8) ring = []; }
          return kept.length;
        };
        """
    small = start(sandboxes, "nodejs20.x", {"index.js": source}, "index.handler", memory_mb=128, timeout_s=60)
    large = start(sandboxes, "nodejs20.x", {"index.js": source}, "index.handler", memory_mb=1024, timeout_s=60)

    assert answer(small, {"live_mb": 20, "garbage_mb": 200}) == 20
    assert answer(large, {"live_mb": 600, "garbage_mb": 50}) == 600


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
