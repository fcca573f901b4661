"""The import table of ARCHITECTURE.md, held against every import of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: package → the packages of ours it may import. What is not here may import nothing of ours.
MAY_IMPORT: dict[str, set[str]] = {
    "shared_lua": set(),
    "chalicelib": {"shared_lua"},
    "app": {"chalicelib", "shared_lua"},
    "worker_agent": {"shared_lua"},
    "infra": {"chalicelib"},
    "local": {"app", "chalicelib", "worker_agent", "shared_lua"},
    "loadtest": {"local", "worker_agent", "shared_lua"},
    "security_tests": {"local"},
}

#: outside library → the only modules that may import it: its adapter, and the wiring that makes its client.
ONLY_IN: dict[str, set[str]] = {
    "docker": {"worker_agent.engine", "local.containers", "local.images", "local.verify_images"},
    "httptools": {"worker_agent.runtime_link"},
    "cryptography": {"chalicelib.seal"},
    "prometheus_client": {"worker_agent.metrics", "chalicelib.metrics"},
    "redis": {
        "worker_agent.redis_side",
        "chalicelib.redis_gate",
        "chalicelib.together",
        "chalicelib.wiring",
        "local.redis_server",
    },
    "aws_xray_sdk": {"worker_agent.tracing", "chalicelib.xray"},
    "chalice": {
        "app",
        "chalicelib.threadsafe",
        "chalicelib.lambda_door.answers",
        "chalicelib.lambda_door.model",
        "chalicelib.lambda_door.offered",
        "chalicelib.people_door.aliases",
        "chalicelib.people_door.concurrency",
        "chalicelib.people_door.answers",
        "chalicelib.people_door.functions",
        "chalicelib.people_door.health",
        "chalicelib.people_door.invocations",
        "chalicelib.people_door.keys",
        "chalicelib.people_door.offered",
        "chalicelib.people_door.redrive",
        "chalicelib.people_door.tenants",
        "chalicelib.people_door.versions",
        "chalicelib.people_door.operations",
        "chalicelib.people_door.usage",
        "chalicelib.people_door.schedules",
        "chalicelib.people_door.uploads",
        "chalicelib.url_door.answers",
        "chalicelib.url_door.offered",
        "chalicelib.url_door.view",
    },
    "moto": {"local.aws_standin", "local.transactions"},
    "granian": {"local.serve"},
    "boto3": {
        "worker_agent.wiring",
        "local.data",
        "local.events",
        "local.uploaded",
        "infra.__main__",
        "infra.deployment",
        "loadtest.own_stack",
    },
}

#: Modules by height, lowest first: one may import those before it, and its own line's not at all.
WORKER_LAYERS: list[set[str]] = [
    {
        "errors",
        "clock",
        "first",
        "log",
        "log_buffer",
        "images",
        "lifecycle",
        "netns",
        "environment",
        "ownership",
        "runtime_link",
    },
    {"aws_errors", "runtime_api", "code_cache", "outage"},
    {"beat"},
    {"billing", "cgroup", "engine", "store", "redis_side", "ledger", "tracing", "durable_lane", "metrics", "ends"},
    {"sandbox", "config", "presence", "hold"},
    {"outcomes", "report", "tries", "pool", "docker_sandbox", "stems", "engine_watch", "running"},
    {"recorder", "undertaker", "places", "provisioning"},
    {"express", "execute", "live_logs"},
    {"handle"},
    {"agent"},
    {"wiring"},
    {"__main__"},
]


def modules() -> dict[str, Path]:
    """Every module of the product by its import name."""
    found = {"app": ROOT / "api" / "app.py"}
    for package, folder in (
        ("shared_lua", ROOT / "shared_lua"),
        ("chalicelib", ROOT / "api" / "chalicelib"),
        ("chalicelib.lambda_door", ROOT / "api" / "chalicelib" / "lambda_door"),
        ("chalicelib.url_door", ROOT / "api" / "chalicelib" / "url_door"),
        ("chalicelib.people_door", ROOT / "api" / "chalicelib" / "people_door"),
        ("worker_agent", ROOT / "worker_agent"),
        ("infra", ROOT / "infra"),
        ("local", ROOT / "local"),
        ("loadtest", ROOT / "loadtest"),
        ("loadtest.peers", ROOT / "loadtest" / "peers"),
        ("loadtest.scenarios", ROOT / "loadtest" / "scenarios"),
        ("security_tests", ROOT / "security_tests"),
        ("security_tests.checks", ROOT / "security_tests" / "checks"),
    ):
        for path in folder.glob("*.py"):
            found[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file; `from a import b` counts as both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide who imports whom"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = modules()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_the_table_allows(module: str) -> None:
    package = module.partition(".")[0]

    ours = {name.partition(".")[0] for name in imports(MODULES[module])} & MAY_IMPORT.keys()

    assert ours - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_by_its_adapter_only(library: str) -> None:
    users = {m for m, path in MODULES.items() if library in {name.partition(".")[0] for name in imports(path)}}

    assert users == ONLY_IN[library]


def test_the_workers_modules_import_downwards_only() -> None:
    height = {f"worker_agent.{name}": level for level, names in enumerate(WORKER_LAYERS) for name in names}
    assert height.keys() == {m for m in MODULES if m.startswith("worker_agent.")}

    upwards = [
        f"{module} imports {name}"
        for module, level in height.items()
        for name in imports(MODULES[module])
        if name in height and height[name] >= level
    ]

    assert upwards == []


def test_there_is_no_import_cycle() -> None:
    graph = {m: {n for n in imports(path) if n in MODULES and n != m} for m, path in MODULES.items()}
    while leaves := [m for m, uses in graph.items() if not uses]:
        for leaf in leaves:
            del graph[leaf]
        for uses in graph.values():
            uses.difference_update(leaves)

    assert graph == {}
