"""Sandboxes in real containers, under AWS's own runtime client: what they are, from Stem to frozen."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from tests.builders import invocation, version, zip_of
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.driving import HELLO, answer, first_process, run, start
from tests.waiting import eventually
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.engine import Engine
from worker_agent.sandboxes.ownership import AGENT_LABEL, agent_epoch, is_alive
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker


def test_a_function_answers_and_its_log_is_its_own(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes)

    first, second = run(sandbox, '{"n": 1}'), run(sandbox, '{"n": 2}')

    assert (json.loads(first.end.payload), json.loads(second.end.payload)) == ({"n": 1}, {"n": 2})
    assert (first.log, second.log) == ("hello\n", "hello\n")


def test_a_warm_call_makes_no_engine_call_and_starts_no_process(
    sandboxes: TidySandboxes, docker_engine: Engine
) -> None:
    source = "import os\ncalls = 0\ndef handler(e, c):\n global calls\n calls += 1\n return [os.getpid(), calls]"
    sandbox = start(sandboxes, source)
    first = json.loads(run(sandbox).end.payload)
    before = docker_engine.calls

    answers = [json.loads(run(sandbox).end.payload) for _ in range(20)]

    assert docker_engine.calls == before
    assert answers == [[first[0], n] for n in range(2, 22)]


def test_the_context_and_the_environment_are_lambdas(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def handler(event, context):
            return {
                "remaining": context.get_remaining_time_in_millis(),
                "request": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "name": context.function_name,
                "memory": context.memory_limit_in_mb,
                "version": context.function_version,
                "env": {k: os.environ.get(k) for k in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "_HANDLER", "MINE")},
                "cwd": os.getcwd(),
            }
        """
    told = answer(sandboxes, source, environment={"MINE": "yes"})

    assert 2000 < told.pop("remaining") <= 3000
    assert told == {
        "request": "i-1",
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "name": "f",
        "memory": "1769",
        "version": "$LATEST",
        "env": {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "us-east-1", "_HANDLER": "main.handler", "MINE": "yes"},
        "cwd": "/var/task",
    }


def test_a_published_versions_number_and_the_arn_as_the_caller_named_it_reach_the_function(
    sandboxes: TidySandboxes,
) -> None:
    source = """
        import os
        def handler(event, context):
            return [context.invoked_function_arn, context.function_version, context.log_stream_name,
                    os.environ["AWS_LAMBDA_FUNCTION_VERSION"]]
        """
    sandbox = start(sandboxes, source, number="7")
    named = "arn:aws:lambda:us-east-1:000000000000:function:f:live"

    as_named = json.loads(sandbox.invoke(invocation(version=sandbox.version, function_arn=named), b"{}").end.payload)
    unnamed = json.loads(run(sandbox).end.payload)

    assert as_named[0] == named
    assert unnamed[0] == sandbox.version.arn
    assert as_named[1] == as_named[3] == "7"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[7\][0-9a-f]{32}", as_named[2])


def test_user_code_is_nobody_with_no_capability_and_no_way_to_one(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def handler(event, context):
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            setuid = [os.path.join(d, f) for d, _, fs in os.walk("/usr") for f in fs
                      if os.lstat(os.path.join(d, f)).st_mode & 0o6000]
            return {"ids": [os.getuid(), os.getgid()], "setuid": setuid,
                    **{k: status[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}}
        """
    none = "0000000000000000"

    assert answer(sandboxes, source, timeout_s=20) == {
        "ids": [65534, 65534],
        "setuid": [],
        **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapAmb"), none),
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_user_code_has_no_network_but_its_own_loopback(sandboxes: TidySandboxes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as on_the_host:
        source = f"""
            import os, socket
            def refused(address):
                try:
                    socket.create_connection(address, timeout=1).close()
                    return False
                except OSError:
                    return True
            def handler(event, context):
                return {{
                    "interfaces": sorted(os.listdir("/sys/class/net")),
                    "routes": open("/proc/net/route").read().splitlines()[1:],
                    "refused": [refused(a) for a in
                                [("169.254.169.254", 80), ("127.0.0.1", {on_the_host.getsockname()[1]})]],
                    "engine": [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)],
                }}
            """
        told = answer(sandboxes, source)

    assert told == {"interfaces": ["lo"], "routes": [], "refused": [True, True], "engine": []}


def test_only_the_declared_paths_can_be_written_and_none_is_the_hosts(sandboxes: TidySandboxes) -> None:
    source = """
        import os
        def writable(path):
            try:
                name = os.path.join(path, "probe")
                open(name, "w").close()
                os.unlink(name)
                return True
            except OSError:
                return False
        def handler(event, context):
            mounts = [line.split() for line in open("/proc/self/mountinfo")]
            return {
                "writable": [p for p in ("/", "/etc", "/opt", "/var/runtime", "/var", "/tmp", "/var/task", "/root",
                                         "/home", "/run", "/sys/fs/cgroup/memory") if writable(p)],
                "ours": [m[3] for m in mounts if "/work" in m[3] or "docker.sock" in m[3] or m[4].startswith("/mnt")],
                "disks": [m[4] for m in mounts if m[m.index("-") + 1] == "ext4"],
            }
        """

    told = answer(sandboxes, source)

    assert told["writable"] == ["/opt", "/tmp", "/var/task"]
    assert told["ours"] == []
    assert set(told["disks"]) <= {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}  # the engine's own files


def test_user_code_finds_the_agents_other_sockets_closed(sandboxes: TidySandboxes) -> None:
    source = """
        import socket
        def handler(event, context):
            refused = []
            for name in ("\\0hearth-control", "\\0hearth-log"):
                link = socket.socket(socket.AF_UNIX)
                try:
                    link.connect(name)
                except ConnectionRefusedError:
                    refused.append(name)
                link.close()
            return len(refused)
        """

    assert answer(sandboxes, source) == 2


def test_the_agent_of_a_label_is_alive_only_while_that_very_process_runs() -> None:
    mine = agent_epoch(os.getpid())

    assert is_alive(mine)
    assert not is_alive(f"{os.getpid()}-1")
    assert not is_alive("rubbish")


def test_a_sweep_removes_what_dead_agents_left_and_no_others(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    mine = start(sandboxes)
    # An agent that dies without a word, leaving a container behind; another test's agent may sweep from then on.
    script = """
        import sys
        from worker_agent import wiring
        from worker_agent.sandboxes import engine
        from tests.builders import version, zip_of
        code = zip_of(main="def handler(e, c): pass")
        left = wiring.build_sandboxes(engine.Engine(engine.connect()), "tests").make_stem("python3.11").become(
            version(code), code
        )
        left.rest()
        print(left.container, flush=True)
        sys.stdin.read()
        """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout
        left = agent.stdout.readline().strip()
        while_it_lives = dict(docker_engine.labelled(AGENT_LABEL))
        agent.kill()
    assert left in while_it_lives

    sandboxes.sweep()

    remaining = dict(docker_engine.labelled(AGENT_LABEL))
    assert left not in remaining
    assert mine.container in remaining


def test_a_stem_becomes_a_function_without_asking_the_engine(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    stem = sandboxes.make_stem("python3.11")
    calls = docker_engine.calls
    code = zip_of(main=HELLO)

    sandbox = stem.become(version(code), code)
    sandboxes.made.append(sandbox)

    assert run(sandbox).end.how is How.ANSWERED
    assert docker_engine.calls == calls


def test_while_it_rests_nothing_in_it_runs(sandboxes: TidySandboxes) -> None:
    source = """
        import threading, time
        ticks = 0
        def tick():
            global ticks
            while True:
                ticks += 1
                time.sleep(0.001)
        threading.Thread(target=tick, daemon=True).start()
        def handler(event, context):
            return ticks
        """
    sandbox = start(sandboxes, source)
    run(sandbox)

    sandbox.rest()
    time.sleep(0.05)  # a task stops when the kernel next lets it go
    before = sandbox._hold.cgroup.read().cpu_us
    time.sleep(0.5)  # time in which it would tick some hundred times
    after = sandbox._hold.cgroup.read().cpu_us

    assert after == before
    assert run(sandbox).end.how is How.ANSWERED


def test_a_frozen_sandbox_answers_again_with_its_state(sandboxes: TidySandboxes) -> None:
    sandbox = start(sandboxes, "calls = 0\ndef handler(e, c):\n global calls\n calls += 1\n return calls")

    answers = []
    for _ in range(5):
        ran = run(sandbox)
        answers.append(json.loads(ran.end.payload))
        assert sandbox.rest() > 0

    assert answers == [1, 2, 3, 4, 5]
    assert ran.thaw_us > 0


def test_a_frozen_sandbox_dies_when_it_is_destroyed(sandboxes: TidySandboxes, docker_engine: Engine) -> None:
    sandbox = start(sandboxes)
    first = first_process(sandbox)
    sandbox.rest()

    sandbox.destroy("test")
    docker_engine.finish_removals()

    assert not os.path.exists(f"/proc/{first}")
    assert sandbox.container not in dict(docker_engine.labelled(AGENT_LABEL))


def test_a_stem_that_is_killed_from_outside_is_not_alive(sandboxes: TidySandboxes) -> None:
    stem = sandboxes.make_stem("python3.11")
    assert stem.alive()

    stem._hold._kill()

    eventually(lambda: not stem.alive())


def test_a_cold_start_that_finds_no_stem_has_the_containers_start_in_its_record(sandboxes: TidySandboxes) -> None:
    code = zip_of(main=HELLO)
    stems, pool = Stems(sandboxes, {}), Pool(2, 4096)
    executor = Executor(pool, stems, lambda _: code, Prices(16_666_700, 200_000, 1000))

    began = time.monotonic()
    usage = executor.execute(invocation(version=version(code)), b"{}", 0, 1).usage
    wall_us = (time.monotonic() - began) * 1_000_000

    assert usage
    assert stems.missed == 1
    phases_us = usage.start_us + usage.run_us + usage.freeze_us
    assert wall_us / 2 < phases_us < wall_us  # an assignment alone is a tenth of it
    pool.close()
