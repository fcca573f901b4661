"""The package that goes to Lambda, built by Chalice from a clean copy of the tree."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

OURS = ("app.py", "chalicelib/", "shared_lua/")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has, or would have, of both folders: stray files beside it must not decide what is tested."""
    root = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "api", "shared_lua"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    return root


@pytest.fixture(scope="module")
def package(tree: Path) -> Path:
    """The folder that `chalice package` wrote, with the data template merged in."""
    out = tree / "out"
    chalice = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", "dev"]
    done = subprocess.run(
        [*chalice, "--merge-template", str(ROOT / "infra" / "data.json"), str(out)],
        cwd=tree / "api",
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_package_holds_all_of_ours_and_nothing_stray(package: Path, tree: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        packed = {name for name in archive.namelist() if name.startswith(OURS)}

    wanted = {"app.py"}
    wanted |= {path.relative_to(tree / "api").as_posix() for path in (tree / "api" / "chalicelib").rglob("*.py")}
    wanted |= {path.relative_to(tree).as_posix() for path in (tree / "shared_lua").iterdir()}
    assert packed == wanted
    assert {name for name in packed if name.endswith(".lua")} >= {"shared_lua/admit.lua", "shared_lua/settle.lua"}


def test_the_package_brings_its_libraries(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}

    assert folders >= {"boto3", "botocore", "redis", "aws_xray_sdk", "chalice"}


def test_the_template_names_every_setting_and_grants_nothing_wide(package: Path) -> None:
    resources = json.loads((package / "sam.json").read_text())["Resources"]

    api = resources["APIHandler"]["Properties"]
    statements = resources["ApiHandlerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert api["Timeout"] == 29
    assert {"HEARTH_BUCKET", "HEARTH_SECRET_SEED"} <= set(api["Environment"]["Variables"])
    assert not [one for one in statements if any(action.endswith("*") for action in one["Action"])]
