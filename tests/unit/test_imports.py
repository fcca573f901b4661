"""The import table of ARCHITECTURE.md, held against every import of every module."""

import ast
import functools
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

#: Folders of programs that run elsewhere: inside sandboxes, or under attack.
NO_MODULES = {"runtimes", "attacks"}

#: outside library → the only modules that may import it: its adapter, and the wiring that makes its client.
ONLY_IN: dict[str, set[str]] = {
    "docker": {"worker_agent.sandboxes.engine", "local.containers", "local.images", "local.verify_images"},
    "httptools": {"worker_agent.sandboxes.runtime_link"},
    "cryptography": {"chalicelib.tenants.encryption"},
    "prometheus_client": {"worker_agent.metrics", "chalicelib.operations.metrics"},
    "redis": {
        "worker_agent.stores.redis_adapter",
        "chalicelib.storage.redis_adapter",
        "chalicelib.storage.coalescer",
        "chalicelib.wiring",
        "local.redis_server",
    },
    "aws_xray_sdk": {"worker_agent.tracing", "chalicelib.xray"},
    "chalice": {"app", "chalicelib.threadsafe"},
    "moto": {"local.aws_standin", "local.queue_policy", "local.transactions"},
    "granian": {"local.serve"},
    "boto3": {
        "worker_agent.wiring",
        "local.data",
        "local.events",
        "local.uploaded",
        "infra.__main__",
        "infra.deployment",
        "loadtest.benches.own_stack",
    },
}

#: Each half from the bottom to the top: a row may import the rows above it in this list, and itself. Modules that lie
#: in a package are named by the package.
LAYERS: dict[str, list[set[str]]] = {
    "chalicelib": [
        {"clock", "errors", "event_sources", "http_answer", "threadsafe", "tracing"},
        {"calls", "limits", "naming", "xray"},
        {"config"},
        {"storage"},
        {"code"},
        {"functions"},
        {"tenants"},
        {"admission"},
        {"invocations"},
        {"schedules"},
        {"operations"},
        {"wiring"},
        {"lambda_api", "rest_api", "function_urls"},
    ],
    "worker_agent": [
        {"errors", "log", "clock"},
        {"metrics", "outage", "threads", "tracing"},
        {"periodic"},
        {"sandboxes"},
        {"pool"},
        {"runs"},
        {"stores"},
        {"lanes"},
        {"config"},
        {"agent"},
        {"wiring"},
        {"__main__"},
    ],
    "shared_lua": [
        {"contract", "keys"},
        {"codec", "steps"},
        {"daily_usage", "rows", "scripts"},
        {"reaper"},
    ],
    "loadtest": [
        {"errors"},
        {"client", "reports", "scenarios", "progress", "machine", "engine_starts"},
        {"k6", "watch", "peers", "loaded_stack"},
        {"benches", "drive"},
        {"__main__"},
    ],
}


def modules() -> dict[str, Path]:
    """Every module of the product by its import name."""
    found = {"app": ROOT / "api" / "app.py"}
    for folder in (
        ROOT / "api" / "chalicelib",
        *(ROOT / name for name in MAY_IMPORT if name not in ("app", "chalicelib")),
    ):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            if not set(parts) & NO_MODULES:
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file; `from a import b` counts as both a and a.b."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
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


def row_of(module: str) -> str:
    """The part of the table that a module stands in: its package, or itself where it lies at the root."""
    _, _, rest = module.partition(".")
    return rest.partition(".")[0]


@pytest.mark.parametrize("half", LAYERS)
def test_a_package_imports_only_what_lies_below_it(half: str) -> None:
    height = {name: level for level, names in enumerate(LAYERS[half]) for name in names}
    mine = {m: path for m, path in MODULES.items() if m.startswith(f"{half}.")}
    assert height.keys() == {row_of(module) for module in mine}

    upwards = [
        f"{module} imports {name}"
        for module, path in mine.items()
        for name in imports(path)
        if name in mine and row_of(name) != row_of(module) and height[row_of(name)] >= height[row_of(module)]
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
