"""The package and the template that CloudFormation gets, as `python -m infra package` makes them."""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import pytest
from chalicelib.config import NUMBERS, REQUIRED

from infra import deployed, templates
from tests.conftest import ROOT
from tests.integration.deploy.tree import Tree

OURS = ("app.py", "chalicelib/", "shared_lua/")

#: The whole package unpacked; Lambda takes 250 MB. More than this is a library that somebody should notice.
MOST_MB = 60

#: The app's import on Lambda, and how much slower than that a machine may be that runs the tests.
IMPORT_MS = 400
NOISE = 3


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


def test_the_package_holds_all_of_ours_and_nothing_stray(package: Path, plain: Tree) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        names = archive.namelist()

    packed = {name for name in names if name.startswith(OURS)}
    assert packed == sources(plain)
    scripts = {f"shared_lua/lua/{path.name}" for path in (ROOT / "shared_lua" / "lua").glob("*.lua")}
    assert scripts >= {"shared_lua/lua/admit.lua", "shared_lua/lua/settle.lua"}
    assert scripts == {name for name in packed if name.endswith(".lua")}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc") or "/tests/" in name]


def test_the_package_brings_its_libraries_as_they_are_pinned(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}

    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    for library in ("botocore", "redis", "aws_xray_sdk"):
        assert library in folders
        assert f"{library}-{pins[library.replace('_', '-')]}.dist-info" in folders
    assert "chalice" in folders


def test_the_package_is_far_smaller_than_lambda_takes(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        unpacked_mb = sum(entry.file_size for entry in archive.infolist()) / 1e6
    zipped_mb = (package / "deployment.zip").stat().st_size / 1e6

    print(f"the package: {zipped_mb:.1f} MB zipped, {unpacked_mb:.1f} MB unpacked")
    assert 10 < unpacked_mb < MOST_MB


def python(program: str, folder: Path, **environ: str) -> None:
    """Run `program` in the unpacked package, with no library of this environment on the path."""
    subprocess.run([sys.executable, "-S", "-c", program], cwd=folder, env=environ, check=True, timeout=60)


def least_ms(program: str, folder: Path, times: int = 5) -> float:
    """The least CPU time of a whole Python process that runs `program`: what others on the machine do adds little."""
    lengths = []
    for _ in range(times):
        before = getrusage(RUSAGE_CHILDREN)
        python(program, folder, PYTHONDONTWRITEBYTECODE="1")
        after = getrusage(RUSAGE_CHILDREN)
        lengths.append((after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000)
    return min(lengths)


def test_the_app_is_imported_within_its_time(unpacked: Path) -> None:
    """Bare Python is taken off."""
    bare = least_ms("pass", unpacked)
    first = least_ms("import app", unpacked) - bare
    botocore_first = least_ms("import botocore.session, redis", unpacked) - bare
    python("import app", unpacked)
    again = least_ms("import app", unpacked) - bare
    botocore_again = least_ms("import botocore.session, redis", unpacked) - bare

    print(
        f"importing the app: {again:.0f} ms from bytecode (botocore and redis alone {botocore_again:.0f}), "
        f"{first:.0f} ms from source (alone {botocore_first:.0f}); bare Python {bare:.0f} ms"
    )
    assert again < IMPORT_MS * NOISE
    assert first < IMPORT_MS * NOISE
    assert again < botocore_again * 2


def test_importing_the_app_makes_no_client_and_needs_no_setting(unpacked: Path) -> None:
    python("import app, sys; assert 'boto3' not in sys.modules and 'aws_xray_sdk' not in sys.modules", unpacked)


@pytest.fixture(params=["package", "handling_package"])
def template(request: pytest.FixtureRequest) -> Path:
    """The template, as it is and with a handler of every kind."""
    folder: Path = request.getfixturevalue(request.param)
    return folder / "sam.json"


def test_cfn_lint_has_nothing_to_say_about_the_template_with_no_rule_left_out(template: Path) -> None:
    for path in (template, templates.DATA):
        command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

        told = [line for line in done.stdout.splitlines() if re.match(r"[EW]\d{4} ", line)]
        assert told == []
        assert done.returncode in (0, 8), done.stdout + done.stderr  # 8: only remarks


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
    everywhere = set(_references(whole["Globals"]))
    resources = whole["Resources"]
    waits = {name: {*_references(one)} & resources.keys() for name, one in resources.items()}
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
    events = json.loads(text)["Resources"][deployed.logical("tests_queue")]["Properties"]["Events"]
    [event] = events.values()
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert templates.PLACEHOLDER not in text


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (found.partition(".")[0] for found in re.findall(r"\$\{([^}]+)\}", text))
        case dict():
            for key, inner in value.items():
                yield from [inner] if key == "DependsOn" and isinstance(inner, str) else _references(inner)
            yield from value.get("DependsOn", []) if isinstance(value.get("DependsOn"), list) else []
        case list():
            for inner in value:
                yield from _references(inner)
