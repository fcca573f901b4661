"""Layers in real containers: what a function of each runtime finds of them, and what becomes of a bad one."""

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from shared_lua.contract import MIB, Layer, Status
from tests.builders import invocation, version
from tests.integration.worker import languages
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.languages import answer, error, run, start_error
from tests.zips import Files, zipped
from worker_agent.pool.request import Request
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.docker import DockerSandbox, DockerStem, Limits
from worker_agent.sandboxes.engine import Engine
from worker_agent.sandboxes.images import offered
from worker_agent.sandboxes.ownership import AGENT_LABEL, Owner
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Ran, StartFailed

pytestmark = pytest.mark.docker

#: What each function answers: what `sh -c` of its event's `sh` prints, and the text of its event's `file`.
PYTHON = """
import subprocess
def handler(event, context):
    return subprocess.getoutput(event["sh"])
"""
NODE = "exports.handler = async ({ sh }) => `${require('child_process').execSync(sh)}`.trim();"
BOOTSTRAP = """#!/bin/sh
exec python3 -c '
import http.client, json, subprocess
api = http.client.HTTPConnection("127.0.0.1:9001")
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    told = subprocess.getoutput(json.loads(event.read())["sh"])
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", json.dumps(told))
    api.getresponse().read()
'
"""
SHELLS: dict[str, tuple[Files, str]] = {
    "nodejs20.x": ({"index.js": NODE}, "index.handler"),
    "provided": ({"bootstrap": BOOTSTRAP}, "any"),
    "python3.11": ({"main.py": PYTHON}, "main.handler"),
    "python3.13": ({"main.py": PYTHON}, "main.handler"),
}
PYTHONS = ["python3.11", "python3.13"]


def layer(name: str, data: bytes, unpacked_bytes: int = 64 << 10) -> Layer:
    arn = f"arn:aws:lambda:us-east-1:000000000000:layer:{name}:1"
    return Layer(arn=arn, code_sha256="0" * 64, code_bytes=len(data), unpacked_bytes=unpacked_bytes)


def start(
    sandboxes: TidySandboxes, runtime: str, files: Files, handler: str, layers: Sequence[Files | bytes], **changed: Any
) -> DockerSandbox:
    """Start a function with these layers; `named` says what is known of them, where that matters."""
    zips = [data if isinstance(data, bytes) else zipped(data) for data in layers]
    named = changed.pop("named", None) or tuple(layer(f"l{n}", data) for n, data in enumerate(zips))
    return languages.start(sandboxes, runtime, files, handler, zips, **{"layers": named, "timeout_s": 30, **changed})


def shell(sandboxes: TidySandboxes, runtime: str, layers: Sequence[Files | bytes], **changed: Any) -> DockerSandbox:
    return start(sandboxes, runtime, *SHELLS[runtime], layers, **changed)


def random_bytes(size: int) -> bytes:
    """Bytes that no zip makes smaller."""
    return random.Random(1).randbytes(size)


class Stuck(Stems):
    """Gives Stems that take nothing: what does not fit into the socket stays with who sends it."""

    def __init__(self, sandboxes: TidySandboxes) -> None:
        super().__init__(sandboxes, {})

    def take(self, runtime: str, request: Request[Any]) -> Any:
        stem = super().take(runtime, request)
        assert isinstance(stem, DockerStem)
        stem._hold.cgroup.freeze()
        return stem


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A shared library of one function that gives 42."""
    compiler = shutil.which("cc")
    assert compiler, "a C compiler is missing: apt-get install gcc libc6-dev"
    folder = tmp_path_factory.mktemp("library")
    (folder / "answer.c").write_text("int hearth_answer(void) { return 42; }\n")
    made = ["-o", str(folder / "libanswer.so"), str(folder / "answer.c")]
    subprocess.run([compiler, "-shared", "-fPIC", "-nostdlib", *made], check=True)
    return (folder / "libanswer.so").read_bytes()


def test_every_offered_runtime_is_proven_here() -> None:
    assert set(SHELLS) == set(offered())


@pytest.mark.parametrize("runtime", SHELLS)
def test_a_layers_files_lie_under_opt_its_programs_are_found_and_run_and_a_later_layer_stands_over_an_earlier(
    sandboxes: TidySandboxes, runtime: str
) -> None:
    first = {"data/a.txt": "first's", "data/b.txt": "first's", "bin/greet": "#!/bin/sh\necho old"}
    second = zipped({"data/b.txt": "second's", "bin/greet": "#!/bin/sh\necho new"})

    sandbox = shell(sandboxes, runtime, [first, second])

    assert answer(sandbox, {"sh": "cat /opt/data/a.txt; echo; cat /opt/data/b.txt; echo; greet"}).split("\n") == [
        "first's",
        "second's",
        "new",
    ]
    assert answer(sandbox, {"sh": "ls /opt"}).split() == ["bin", "data"]


@pytest.mark.parametrize("runtime", SHELLS)
def test_without_layers_opt_is_empty_and_beside_the_code_is_nothing(sandboxes: TidySandboxes, runtime: str) -> None:
    [name] = SHELLS[runtime][0]

    assert answer(shell(sandboxes, runtime, []), {"sh": "ls -A /opt; ls -A /var/task"}) == name


@pytest.mark.parametrize("runtime", SHELLS)
def test_executable_bits_are_kept_and_a_later_layers_count(sandboxes: TidySandboxes, runtime: str) -> None:
    program, text = zipped({"x": "#!/bin/sh\n", "y": ""}, 0o755), zipped({"y": "", "z": "#!/bin/sh\n"}, 0o644)

    told = answer(shell(sandboxes, runtime, [program, text]), {"sh": "stat -c '%n %a %U' /opt/x /opt/y /opt/z"})

    assert told.split("\n") == ["/opt/x 755 nobody", "/opt/y 644 nobody", "/opt/z 644 nobody"]


@pytest.mark.parametrize("runtime", PYTHONS)
def test_a_layers_python_packages_import_from_both_places_and_the_functions_own_come_first(
    sandboxes: TidySandboxes, runtime: str
) -> None:
    site = f"python/lib/{runtime}/site-packages"
    one = {"python/plain.py": "VALUE = 1", f"{site}/deep/__init__.py": "VALUE = 2", "python/mine.py": "VALUE = 'no'"}
    two = {f"{site}/both.py": "VALUE = 3", "python/both.py": "VALUE = 'no'", "python/sched.py": "VALUE = 4"}
    files = {
        "main.py": (
            "import plain, deep, both, mine, sys, sched\n"
            "def handler(e, c):\n return [m.VALUE for m in (plain, deep, both, mine, sched)], sys.path"
        ),
        "mine.py": "VALUE = 5",
    }

    values, path = answer(start(sandboxes, runtime, files, "main.handler", [one, two]))

    assert values == [1, 2, 3, 5, 4]  # also a layer's before the runtime's own of that name
    assert path[:3] == ["/var/task", f"/opt/{site}", "/opt/python"]


def test_node_modules_of_layers_are_required_and_the_functions_own_come_first(sandboxes: TidySandboxes) -> None:
    value = 'exports.value = "{}";'
    one = {
        "nodejs/node_modules/plain/index.js": value.format("plain"),
        "nodejs/node_modules/both/index.js": value.format("the general one"),
        "nodejs/node_modules/mine/index.js": value.format("the layer's"),
    }
    two = {"nodejs/node20/node_modules/both/index.js": value.format("node 20's")}
    files = {
        "index.js": "exports.handler = async () => ['plain', 'both', 'mine'].map((name) => require(name).value);",
        "node_modules/mine/index.js": value.format("the function's"),
    }

    told = answer(start(sandboxes, "nodejs20.x", files, "index.handler", [one, two]))

    assert told == ["plain", "node 20's", "the function's"]


@pytest.mark.parametrize("runtime", PYTHONS)
@pytest.mark.parametrize("where", ["/opt/lib", "/var/task/lib"])
def test_a_shared_library_is_found_by_its_name_in_the_process_itself(
    sandboxes: TidySandboxes, library: bytes, runtime: str, where: str
) -> None:
    source = "import ctypes\ndef handler(e, c):\n return ctypes.CDLL('libanswer.so').hearth_answer()"
    layers: list[Files] = [{"lib/libanswer.so": library}] if where == "/opt/lib" else []
    files: Files = {"main.py": source, **({} if layers else {"lib/libanswer.so": library})}

    assert answer(start(sandboxes, runtime, files, "main.handler", layers)) == 42


@pytest.mark.parametrize("runtime", SHELLS)
def test_a_shared_library_is_found_by_every_program_a_function_starts(
    sandboxes: TidySandboxes, library: bytes, runtime: str
) -> None:
    sandbox = shell(sandboxes, runtime, [{"lib/libanswer.so": library}])

    told = answer(sandbox, {"sh": "LD_PRELOAD=libanswer.so grep -c libanswer /proc/self/maps"})

    assert "cannot be preloaded" not in told
    assert int(told) > 0


def test_node_itself_finds_a_shared_library_of_a_layer(
    sandboxes: TidySandboxes, library: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("addon")
    (folder / "libanswer.so").write_bytes(library)
    (folder / "addon.c").write_text(
        "int hearth_answer(void);\n"
        "void *napi_register_module_v1(void *env, void *exports) { return hearth_answer() == 42 ? exports : 0; }\n"
    )
    linked = ["-L", str(folder), "-lanswer", "-o", str(folder / "addon.node")]
    subprocess.run(["cc", "-shared", "-fPIC", "-nostdlib", str(folder / "addon.c"), *linked], check=True)
    files: Files = {
        "index.js": "exports.handler = async () => typeof require('./addon.node');",
        "addon.node": (folder / "addon.node").read_bytes(),
    }

    assert answer(start(sandboxes, "nodejs20.x", files, "index.handler", [{"lib/libanswer.so": library}])) == "object"
    without = start(sandboxes, "nodejs20.x", files, "index.handler", [])
    assert "libanswer.so: cannot open shared object file" in error(run(without))["errorMessage"]


@pytest.mark.parametrize("runtime", SHELLS)
def test_a_damaged_layer_is_a_start_error_that_names_it_however_much_comes_after_it(
    sandboxes: TidySandboxes, runtime: str
) -> None:
    noise = zipped({"noise": random_bytes(2 * MIB)})
    whole = bytearray(noise)
    whole[60] ^= 0xFF

    told = start_error(lambda: shell(sandboxes, runtime, [noise, bytes(whole), noise]))

    assert told["errorType"] == "Runtime.InvalidZipFile"
    assert "The layer arn:aws:lambda:us-east-1:000000000000:layer:l1:1 could not be unpacked: " in told["errorMessage"]


@pytest.mark.parametrize("runtime", SHELLS)
def test_an_oversized_layer_is_a_start_error_that_names_it_and_harms_nobody(
    sandboxes: TidySandboxes, runtime: str
) -> None:
    small = zipped({"small": "x"})
    large = zipped({f"{n}": bytes(32 * MIB) for n in range(Limits().layer_bytes // (32 * MIB))})
    named = (layer("small", small), layer("large", large, Limits().layer_bytes))
    other = shell(sandboxes, runtime, [])

    told = start_error(lambda: shell(sandboxes, runtime, [small, large], named=named))

    assert told["errorType"] == "Runtime.InvalidZipFile"
    assert "layer:large:1 could not be unpacked: " in told["errorMessage"]
    assert "No space left" in told["errorMessage"] or "no space left" in told["errorMessage"]
    assert answer(other, {"sh": "echo fine"}) == "fine"


@pytest.mark.parametrize(("runtime", "layer_mib", "count"), [("python3.11", 60, 4), ("nodejs20.x", 40, 6)])
def test_layers_that_together_just_fit_their_mount_are_unpacked_in_a_small_sandbox(
    sandboxes: TidySandboxes, runtime: str, layer_mib: int, count: int
) -> None:
    """Random bytes, so that the zips are as large as what is in them: two at once would not fit into 128 MB."""
    noise = random_bytes(MIB)
    zips = [zipped({f"{n}-{k}": noise for k in range(layer_mib)}) for n in range(count)]
    named = tuple(layer(f"l{n}", data, layer_mib * (MIB + 8192)) for n, data in enumerate(zips))

    sandbox = shell(sandboxes, runtime, zips, named=named, memory_mb=128)

    ran = run(sandbox, {"sh": "du -m /opt | tail -1"})
    assert json.loads(ran.end.payload) == "240\t/opt"
    assert ran.peak_memory_bytes < 128 * MIB


def test_a_start_that_runs_out_of_time_while_its_layers_are_sent_is_a_timeout_and_leaves_no_sandbox(
    docker_engine: Engine, sandboxes: TidySandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "_limits", Limits(start_timeout_s=1.0))
    code, noise = zipped(SHELLS["python3.11"][0]), zipped({"noise": random_bytes(8 * MIB)})
    of = version(code, timeout_s=30, layers=(layer("noise", noise, 9 * MIB),))
    store = {of.code_sha256: code, of.layers[0].code_sha256: noise}
    stems, pool = Stuck(sandboxes), Pool(1, 4096)
    executor = Executor(pool, stems, store.__getitem__, Prices(16_666_700, 200_000, 1000))

    settlement = executor.execute(invocation(version=of), b"{}", 0, 1)

    assert (settlement.outcome.status, settlement.outcome.error_type) == (Status.FAILED, "Sandbox.Timedout")
    assert "not ready for its first event within the time allowed for a start" in (settlement.outcome.payload or "")
    assert settlement.usage
    assert (settlement.usage.cold, settlement.usage.run_us) == (True, 0)
    assert settlement.usage.start_us >= 1_000_000
    assert pool.held(of) == (0, 0)
    docker_engine.finish_removals()
    assert docker_engine.labelled(f"{AGENT_LABEL}={Owner('tests').agent}") == []


def test_memory_that_is_promised_is_not_eaten_by_layers(sandboxes: TidySandboxes) -> None:
    data = zipped({"data": bytes(60 * MIB)})
    source = "def handler(e, c):\n return len(bytearray(70 << 20))"
    named = (layer("data", data, 60 * MIB + 8192),)

    ran = run(start(sandboxes, "python3.11", {"main.py": source}, "main.handler", [data], named=named, memory_mb=128))

    assert ran.end.payload == str(70 * MIB).encode(), ran
    assert ran.peak_memory_bytes < 128 * MIB


def test_a_layer_that_takes_more_memory_than_it_was_said_to_ends_the_function_and_not_the_platform(
    sandboxes: TidySandboxes,
) -> None:
    lying = zipped({f"{n}": bytes(32 * MIB) for n in range(7)})
    after = zipped({"noise": random_bytes(MIB)})

    with pytest.raises(StartFailed) as failed:
        shell(sandboxes, "python3.11", [lying, after], memory_mb=128)

    ran: Ran = failed.value.ran
    assert (ran.end.how, ran.oom_killed) == (How.DIED, True)
