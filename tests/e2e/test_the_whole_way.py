"""From a zip over HTTP to an answer and a bill, on a real stack: Redis, moto's server, Docker, gateway and agent."""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import Stack
from tests.waiting import eventually
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.images import offered
from worker_agent.sandboxes.ownership import AGENT_LABEL, is_alive

pytestmark = pytest.mark.e2e

ECHO = "def handler(event, context):\n    print('seen', event)\n    return {'echo': event}\n"
FAILS = "def handler(event, context):\n    raise ValueError('no such luck')\n"
SLEEPS = (
    "import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(event['s'])\n    return 'slept'\n"
)


def test_the_quick_start_of_the_readme_works_as_it_stands(stack: Stack) -> None:
    [script] = re.findall(r"```python quickstart\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **stack.keys},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == '{"doubled": 42}'
    assert "hello from the inside" in lines
    assert any(line.startswith("REPORT RequestId: ") and "Billed Duration" in line for line in lines)


def test_a_stack_is_ready_when_the_first_cold_start_of_every_runtime_would_find_a_stem(stack: Stack) -> None:
    assert stack.stems_at_ready == dict.fromkeys(offered(), 1)


def test_a_synchronous_call_answers_with_its_bill_and_the_next_is_warm(stack: Stack) -> None:
    stack.deploy("echo", ECHO)

    answers = [stack.invoke("echo", {"n": n}) for n in range(2)]

    records = [stack.record(answer.headers["x-hearth-invocation-id"]) for answer in answers]
    assert [(answer.status, answer.json()) for answer in answers] == [(200, {"echo": {"n": n}}) for n in range(2)]
    assert [record["usage"]["cold"] for record in records] == [True, False]
    for record in records:
        usage, charge = record["usage"], record["charge"]
        assert record["status"] == "succeeded"
        assert "seen {'n':" in record["outcome"]["log_tail"]
        assert usage["cpu_us"] > 0
        assert 2**20 < usage["peak_memory_bytes"] < 512 * 2**20
        assert charge["billed_us"] >= usage["run_us"] > 0
        exact = charge["billed_us"] * 512 * 16_666_700 / (1024 * 1_000_000)
        assert exact <= charge["duration_pico_usd"] < exact + 1
        assert charge["total_pico_usd"] == charge["duration_pico_usd"] + 200_000


def test_what_ran_is_in_the_days_sums_to_the_last_picodollar_and_the_operator_sees_who_ran_it(stack: Stack) -> None:
    stack.deploy("summed", ECHO)
    stack.deploy("summed-too", FAILS)

    answers = [stack.invoke(name) for name in ("summed", "summed", "summed-too")]

    charges = [stack.record(answer.headers["x-hearth-invocation-id"])["charge"]["total_pico_usd"] for answer in answers]
    rows = stack.billed("summed", 3)
    sums = {
        name: [sum(row[field] for row in rows if row["function"] == name) for field in ("invocations", "errors")]
        for name in ("summed", "summed-too")
    }
    assert sums == {"summed": [2, 0], "summed-too": [1, 1]}
    assert sum(row["charge_pico_usd"] for row in rows) == sum(charges)
    assert all(row["cpu_s"] > 0 and row["gb_s"] > 0 for row in rows)
    [worker] = stack.call("GET", "/workers", x_api_key=stack.keys["HEARTH_ADMIN_KEY"]).json()["workers"]
    assert (worker["able"], worker["host"]) == (True, socket.gethostname())
    assert sum(worker["slots"].values()) >= worker["concurrency"] > 0


def test_the_workers_figures_grow_with_what_it_does_and_the_stacks_status_says_where_they_are(stack: Stack) -> None:
    stack.deploy("counted", ECHO)
    names = [
        'hearth_worker_outcomes_total{error_type="",status="succeeded"}',
        "hearth_worker_billed_microseconds_total",
    ]
    before = [stack.metric(name) for name in names]

    stack.invoke("counted", {"n": 1})

    assert eventually(lambda: stack.metric(names[0]) > before[0])
    assert stack.metric(names[1]) > before[1]
    assert stack.metric('hearth_worker_phase_seconds_bucket{le="+Inf",phase="run"}') >= 1
    assert stack.metric("hearth_worker_engine_calls_total") > 0
    told = subprocess.run(
        [sys.executable, "-m", "local", "status", "--state-dir", str(stack.state)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert re.search(r"metrics +http://127\.0\.0\.1:\d+/metrics", told.stdout)


def test_an_asynchronous_call_is_answered_at_once_and_settled_later(stack: Stack) -> None:
    stack.deploy("later", ECHO)

    answer = stack.invoke("later", {"n": 1}, Prefer="respond-async")

    assert answer.status == 202
    record = stack.record(answer.headers["location"].removeprefix("/invocations/"))
    assert (record["status"], record["outcome"]["payload"]) == ("succeeded", {"echo": {"n": 1}})


def test_a_user_error_comes_back_in_lambdas_shape_on_both_doors(stack: Stack) -> None:
    stack.deploy("fails", FAILS)

    person, machine = stack.invoke("fails"), stack.boto3().invoke(FunctionName="fails", LogType="Tail")

    error = person.json()
    assert (person.status, person.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert (error["errorType"], error["errorMessage"], len(error["stackTrace"])) == ("ValueError", "no such luck", 1)
    assert (machine["StatusCode"], machine["FunctionError"]) == (200, "Unhandled")
    assert json.loads(machine["Payload"].read())["errorType"] == "ValueError"
    assert "[ERROR] ValueError: no such luck" in base64.b64decode(machine["LogResult"]).decode()


def test_a_start_error_comes_back_in_lambdas_shape(stack: Stack) -> None:
    stack.deploy("broken", "import nowhere\n")

    answer = stack.invoke("broken")

    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json()["errorType"] == "Runtime.ImportModuleError"


def test_a_timeout_names_its_limit_keeps_its_log_and_the_next_call_works(stack: Stack) -> None:
    stack.deploy("sleeps", SLEEPS, timeout_s=1)

    late, fine = stack.invoke("sleeps", {"s": 30}), stack.invoke("sleeps", {"s": 0.01})

    record = stack.record(late.headers["x-hearth-invocation-id"])
    assert late.json()["errorType"] == "Sandbox.Timedout"
    assert late.json()["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "begun" in record["outcome"]["log_tail"]
    assert 1_000_000 <= record["charge"]["billed_us"] < 10_000_000
    assert fine.json() == "slept"


def test_twenty_at_once_are_all_answered_each_with_its_own(stack: Stack) -> None:
    stack.deploy("crowd", ECHO)

    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda n: stack.invoke("crowd", {"n": n}), range(20)))

    assert [answer.status for answer in answers] == [200] * 20
    assert [answer.json()["echo"]["n"] for answer in answers] == list(range(20))


def test_a_large_event_and_a_large_answer_go_the_whole_way(stack: Stack) -> None:
    stack.deploy("large", "def handler(event, context):\n    return event['text'] * 4\n", memory_mb=1024)
    text = "x" * 1_000_000

    answer = stack.invoke("large", {"text": text})

    assert (answer.status, answer.json()) == (200, text * 4)


def test_code_that_is_replaced_is_what_the_next_call_runs(stack: Stack) -> None:
    stack.deploy("changes", "def handler(e, c):\n    return 'old'\n")
    before = stack.invoke("changes").json()
    replaced = stack.put("changes", "def handler(e, c):\n    return 'new'\n")

    assert replaced.status == 200
    assert (before, stack.invoke("changes").json()) == ("old", "new")


def test_an_invocation_whose_agent_is_killed_still_ends_once(stack: Stack) -> None:
    stack.deploy("survives", SLEEPS, timeout_s=30)
    answer = stack.invoke("survives", {"s": 3}, Prefer="respond-async")
    id_ = answer.headers["location"].removeprefix("/invocations/")
    eventually(lambda: stack.call("GET", f"/invocations/{id_}").json()["status"] == "running")
    agent = stack.child("worker_agent")

    os.kill(agent, signal.SIGKILL)

    record = stack.record(id_)
    assert (record["status"], record["outcome"]["payload"], record["attempt"]) == ("succeeded", "slept", 2)
    assert stack.child("worker_agent") != agent
    assert stack.record(id_) == record
    eventually(lambda: not _containers_of_the_dead())


def _containers_of_the_dead() -> list[str]:
    client = engine.connect()
    found = engine.Engine(client).labelled(AGENT_LABEL)
    client.close()
    return [id_ for id_, labels in found if not is_alive(labels[AGENT_LABEL])]


def test_one_trace_shows_admission_queue_and_run(stack: Stack, xray: socket.socket) -> None:
    stack.deploy("traced", ECHO)
    root = "1-5759e988-bd862e3fe1be46a994272793"
    _empty(xray)

    stack.invoke("traced", {}, X_Amzn_Trace_Id=f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")

    segments: dict[str, Any] = {}
    while len(segments) < 2:
        segment = json.loads(xray.recv(65536).partition(b"\n")[2])
        if segment["trace_id"] == root:
            segments[segment["name"]] = segment
    api, worker = segments["hearth-api"], segments["hearth-worker"]
    steps = {step["name"]: step for step in api["subsegments"]}
    assert api["parent_id"] == "53995c3f42cd8ad8"
    assert {"admission", "wait"} <= steps.keys()
    assert [phase["name"] for phase in worker["subsegments"]] == ["queue", "start", "run"]
    assert worker["parent_id"] in {api["id"], *(step["id"] for step in api["subsegments"])}
    assert api["start_time"] <= worker["subsegments"][2]["start_time"] <= api["end_time"]


def _empty(listener: socket.socket) -> None:
    """Read what other tests' calls have sent: a full buffer would lose what comes next."""
    patience_s = listener.gettimeout()
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.recv(65536)
    listener.settimeout(patience_s)


def test_redis_down_in_the_middle_is_a_503_and_heals_by_itself(stack: Stack) -> None:
    stack.deploy("heals", ECHO)

    os.kill(stack.child("redis-server"), signal.SIGKILL)
    statuses = []

    def well() -> bool:
        answer = stack.invoke("heals", {"n": 1})
        statuses.append(answer.status)
        if answer.status == 503:
            assert "Redis" in answer.json()["error"]
            assert int(answer.headers["retry-after"]) >= 1
        return answer.status == 200

    eventually(well)
    assert set(statuses) <= {200, 202, 503}


def test_aws_silent_in_the_middle_is_a_503_and_heals_by_itself(stack: Stack) -> None:
    stack.deploy("patient", ECHO)
    aws = [stack.child("aws_standin"), *stack.children(stack.child("aws_standin"))]
    for process in aws:
        os.kill(process, signal.SIGSTOP)
    try:
        answer = stack.invoke("patient", {"n": 1})
    finally:
        for process in aws:
            os.kill(process, signal.SIGCONT)

    assert answer.status == 503, answer
    assert int(answer.headers["retry-after"]) >= 1
    assert eventually(lambda: stack.invoke("patient", {"n": 2}).status == 200)
