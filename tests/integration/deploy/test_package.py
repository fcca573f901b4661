"""The package and the template that CloudFormation gets, as `python -m infra package` makes them."""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalicelib.config import NUMBERS, REQUIRED

from infra import templates
from tests.conftest import ROOT
from tests.integration.deploy.references import references
from tests.integration.deploy.tree import Tree

OURS = ("app.py", "chalicelib/", "shared_lua/")

#: The whole package unpacked; Lambda takes 250 MB. More than this is a library that somebody should notice.
MOST_MB = 60

#: What the app needs at every start.
LIBRARIES = "import botocore.session, chalice, cryptography.hazmat.primitives.ciphers.aead, prometheus_client, redis"

#: Modules that only ours import, of the standard library or of others. There are two today; many more are a slow start.
MOST_OTHERS = 10


#: What may lie about in a tree that somebody works in.
STRAYS = (
    "api/chalicelib/__pycache__/app.cpython-311.pyc",
    "api/chalicelib/notes.orig",
    "api/.chalice/deployed/dev.json",
    "shared_lua/.mypy_cache/cache.json",
)


@pytest.fixture(scope="module")
def package(plain: Tree) -> Path:
    """The folder with the package and the template for production, from a tree in which things lie about."""
    for name in STRAYS:
        (plain.root / name).parent.mkdir(exist_ok=True)
        (plain.root / name).write_text("{}")
    plain.infra("package", "--stage", "prod", "--out", "out")
    return plain.root / "out"


@pytest.fixture(scope="module")
def handling_package(handling: Tree) -> Path:
    """The same of the tree with a handler of every kind."""
    handling.infra("package", "--stage", "prod", "--out", "out")
    return handling.root / "out"


@pytest.fixture(scope="module")
def unpacked(package: Path) -> Iterator[Path]:
    """The package as Lambda lays it out."""
    with tempfile.TemporaryDirectory(prefix="hearth-unpacked-") as folder:
        with zipfile.ZipFile(package / "deployment.zip") as archive:
            archive.extractall(folder)
        yield Path(folder)


def sources(tree: Tree) -> set[str]:
    """Every file of ours that the package must have, by its name in the package."""
    found = {"app.py"}
    for folder in (tree.root / "api" / "chalicelib", tree.root / "shared_lua"):
        files = [path for path in folder.rglob("*") if path.is_file()]
        wanted = [path for path in files if path.relative_to(tree.root).as_posix() not in STRAYS]
        found |= {path.relative_to(folder.parent).as_posix() for path in wanted}
    return found


def pinned(path: Path) -> dict[str, str]:
    """Every library that a file pins, by its name with hyphens, and its version."""
    lines = [line.split("==") for line in path.read_text().splitlines() if "==" in line]
    return {name.replace("_", "-"): version for name, version in lines}


def test_the_package_holds_all_of_ours_and_nothing_stray(package: Path, plain: Tree) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        names = archive.namelist()

    packed = {name for name in names if name.startswith(OURS)}
    assert packed == sources(plain)
    scripts = {str(path.relative_to(ROOT)) for path in (ROOT / "shared_lua" / "lua").rglob("*.lua")}
    assert scripts >= {"shared_lua/lua/admit.lua", "shared_lua/lua/lib/dispatch.lua"}
    assert scripts == {name for name in packed if name.endswith(".lua")}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc") or "/tests/" in name]


def test_the_package_brings_every_library_as_it_is_pinned_and_no_other(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        brought = {name.split("/")[0] for name in archive.namelist() if name.endswith(".dist-info/METADATA")}

    pins = pinned(ROOT / "api" / "requirements.txt")
    assert brought == {f"{library.replace('-', '_')}-{version}.dist-info" for library, version in pins.items()}


def test_the_tests_run_with_the_libraries_that_the_package_brings() -> None:
    pins = pinned(ROOT / "constraints.txt")

    for library, version in pinned(ROOT / "api" / "requirements.txt").items():
        assert pins[library] == version


def test_the_package_is_far_smaller_than_lambda_takes(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        unpacked_mb = sum(entry.file_size for entry in archive.infolist()) / 1e6
    zipped_mb = (package / "deployment.zip").stat().st_size / 1e6

    print(f"the package: {zipped_mb:.1f} MB zipped, {unpacked_mb:.1f} MB unpacked")
    assert 10 < unpacked_mb < MOST_MB


def python(program: str, folder: Path) -> Any:
    """Run `program` in the unpacked package, without a library of this environment; give the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=folder,
        env={},
        check=True,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    return json.loads(done.stdout)


def modules(program: str, folder: Path) -> set[str]:
    """Every module that `program` imports, those that a bare Python has left out."""
    tell = "import sys, json; bare = set(sys.modules); {}; print(json.dumps(list(sys.modules.keys() - bare)))"
    return set(python(tell.format(program), folder))


def calls(program: str, folder: Path) -> int:
    """How many functions are called by running `program`: the same number on any machine, however busy."""
    number: int = python(COUNT.format(program), folder)
    return number


#: Counts calls of Python's functions and of C's.
COUNT = """
import sys
made = 0
def count(frame, event, arg):
    global made
    made += event in ("call", "c_call")
sys.setprofile(count)
{}
sys.setprofile(None)
print(made)
"""


def test_importing_the_app_brings_little_beside_its_libraries(unpacked: Path) -> None:
    app, libraries = modules("import app", unpacked), modules(LIBRARIES, unpacked)

    ours = {name for name in app if name.split(".")[0] in {"app", "chalicelib", "shared_lua"}}
    print(f"importing the app: {len(app)} modules, {len(ours)} of ours")
    assert "app" in ours
    assert len(app - ours - libraries) <= MOST_OTHERS


def test_importing_the_app_makes_no_client_and_loads_nothing_that_is_slow_and_seldom_needed(unpacked: Path) -> None:
    loaded = {name.split(".")[0] for name in modules("import app", unpacked)}

    assert loaded & {"boto3", "aws_xray_sdk"} == set()


def test_the_apps_own_import_does_less_than_its_libraries_do(unpacked: Path) -> None:
    """A start is waited for. Work is counted, not time, which a busy machine stretches at will."""
    libraries = calls(LIBRARIES, unpacked)
    own = calls("import app", unpacked) - libraries

    print(f"importing the app: {own} calls beside the {libraries} of its libraries")
    assert 0 < own < libraries


@pytest.fixture(params=["package", "handling_package"])
def template(request: pytest.FixtureRequest) -> Path:
    """The template, as it is and with a handler of every kind."""
    folder: Path = request.getfixturevalue(request.param)
    return folder / "sam.json"


def test_cfn_lint_has_nothing_to_say_about_the_template_with_no_rule_left_out(template: Path) -> None:
    assert lint(template) == []


def test_cfn_lint_has_nothing_to_say_about_the_data_with_no_rule_left_out() -> None:
    assert lint(templates.DATA) == []


def lint(template: Path) -> list[str]:
    """Every error and warning about a template; what cfn-lint remarks beside these is of no concern."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(template)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1800)
    assert done.returncode in (0, 2, 4, 6, 8, 10, 12, 14), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if re.match(r"[EW]\d{4} ", line)]


def test_the_data_in_the_template_is_the_data_that_the_one_box_stack_makes(template: Path) -> None:
    merged = json.loads(template.read_text())["Resources"]

    for name, resource in templates.load(templates.DATA)["Resources"].items():
        assert merged[name]["Type"] == resource["Type"]
        for part, value in resource["Properties"].items():
            assert merged[name]["Properties"][part] == value


def test_every_function_of_the_template_gets_every_setting_that_has_no_default(template: Path) -> None:
    whole = json.loads(template.read_text())
    shared = whole["Globals"]["Function"]["Environment"]["Variables"]
    functions = [one for one in whole["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]

    assert functions
    for function in functions:
        own = function["Properties"]["Environment"]["Variables"]
        assert not own.keys() & shared.keys()
        assert shared.keys() == {*REQUIRED, "HEARTH_COMPLETION_QUEUE_URL"} - {"AWS_REGION"}
        assert own.keys() <= NUMBERS.keys()
        assert "" not in own.values()


def test_no_resource_of_the_template_waits_for_itself(template: Path) -> None:
    """CloudFormation refuses a circle; cfn-lint does not see one through `Globals`."""
    whole = json.loads(template.read_text())
    everywhere = references(whole["Globals"])
    resources = whole["Resources"]
    waits = {name: references(one) & resources.keys() for name, one in resources.items()}
    for name, one in resources.items():
        if one["Type"] == "AWS::Serverless::Function":
            waits[name] |= everywhere & resources.keys()

    while free := [name for name, others in waits.items() if not others]:
        for name in free:
            del waits[name]
        for others in waits.values():
            others.difference_update(free)

    assert waits == {}


def test_a_queues_placeholder_has_become_a_reference(handling_package: Path) -> None:
    text = (handling_package / "sam.json").read_text()
    events = json.loads(text)["Resources"]["TestsQueue"]["Properties"]["Events"]
    [event] = events.values()
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert templates.PLACEHOLDER not in text
