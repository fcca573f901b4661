"""Functions in JavaScript in real containers: modules, handlers, errors, context, log and memory, as on Lambda."""

import re
from typing import Any

import pytest

from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.languages import answer, error, run, start, start_error
from tests.zips import Files
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker

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
    told = start_error(lambda: start(sandboxes, "nodejs20.x", files, "index.handler"))

    assert (told["errorType"], set(told)) == (kind, {"errorType", "errorMessage", "trace"})
    assert message in told["errorMessage"]


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
