"""The scenarios as values, the zips, and the command line."""

import ast
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from loadtest.__main__ import parse
from loadtest.scenarios import zips
from loadtest.scenarios.executors import at_once, constant
from loadtest.scenarios.model import Callers, Kind, Load, Target
from loadtest.scenarios.plan import plan
from loadtest.scenarios.registry import ALL, USUAL
from tests.conftest import ROOT
from worker_agent.stores.redis_adapter import KEEP_MS

KEYS: dict[str | None, str] = {None: "first", "oak": "of-oak"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_every_scenario_can_be_planned_at_any_scale(name: str, scale: float) -> None:
    scenario = ALL[name](scale)
    keys = dict.fromkeys([None, *scenario.tenants], "key")

    for load in scenario.loads:
        made = plan(load, "run", "http://x", keys)
        assert json.loads(json.dumps(made)) == made
        assert made["options"]["scenarios"].keys() == made["calls"].keys()
        for callers in load.callers.values():
            assert callers.function.replace("{number}", "0") in scenario.functions
    assert scenario.warm.keys() <= scenario.functions.keys()
    assert scenario.name == name


@pytest.mark.parametrize("name", ALL)
def test_a_peer_serves_one_function_at_a_time(name: str) -> None:
    for load in ALL[name](1.0).loads:
        assert load.target is Target.HEARTH or len({callers.function for callers in load.callers.values()}) == 1


def test_loads_have_names_of_their_own_as_the_bars_go_by_them() -> None:
    names = [load.name for make in ALL.values() for load in make(1.0).loads]

    assert len(names) == len(set(names))


def test_the_settings_are_ones_that_the_product_reads() -> None:
    read = "".join((ROOT / part / "config.py").read_text() for part in ("api/chalicelib", "worker_agent"))

    for make in ALL.values():
        assert [name for name in make(1.0).settings if f'"{name}"' not in read] == []


def test_stress_and_mixed_meet_the_default_limits() -> None:
    assert ALL["stress"](1.0).settings == {}
    assert all(name.startswith("HEARTH_ADDRESS_") for name in ALL["mixed"](1.0).settings)  # which its tenants share


def test_capacity_is_the_load_that_is_claimed() -> None:
    load = ALL["capacity"](1.0).loads[0]
    [users] = load.callers.values()

    stages = [(stage["duration"], stage["target"]) for stage in users.executor["stages"]]
    assert stages == [("5000ms", 20), ("20000ms", 50), ("5000ms", 0)]
    assert users.think_s == 1


def test_no_stage_is_shorter_than_k6_takes() -> None:
    assert (constant(1, 0.999)["duration"], constant(1, 1.001)["duration"]) == ("1000ms", "1001ms")


def test_a_call_goes_where_its_target_listens_with_its_tenants_key() -> None:
    callers = Callers(executor=at_once(1), function="f", tenant="oak", kind=Kind.RECORD, durable=True)

    def planned(target: Target) -> dict[str, Any]:
        load = Load(name="l", callers={"c": callers}, lasts_s=1, target=target)
        return dict(plan(load, "r", "http://x", KEYS)["calls"]["c"])

    ours = planned(Target.HEARTH)
    assert (ours["url"], ours["records"]) == ("http://x/functions/f/invocations", "http://x/invocations/")
    assert (ours["headers"]["x-api-key"], ours["headers"]["Prefer"]) == ("of-oak", "respond-async")
    assert ours["idempotent"]
    assert planned(Target.EMULATOR)["url"] == "http://x/2015-03-31/functions/function/invocations"


def test_the_zips_are_the_same_bytes_wherever_and_whenever_they_are_made(tmp_path: Path) -> None:
    first, second = zips.write(tmp_path / "a"), zips.write(tmp_path / "b")

    assert [path.name for path in first] == ["heavy_function.zip", "heavy_function_cloud.zip"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    for path in first:
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {zips.EARLIEST}


def test_the_clouds_zip_has_the_handler_that_aws_gives_a_new_function() -> None:
    data = zips.zipped(zips.ZIPS["heavy_function_cloud.zip"])

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["lambda_function.py", "main.py"]
        tree = ast.parse(archive.read("lambda_function.py"))
    assert "lambda_handler" in {
        alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.parametrize("scale", ["0", "-1", "1.01", "nan"])
def test_a_scale_that_makes_no_sense_is_refused(scale: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--scale", scale])
    assert "--scale" in capsys.readouterr().err


def test_a_scenario_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "noop", "nope"])
    assert "no such scenario: nope" in capsys.readouterr().err


def test_the_middle_of_a_soak_is_past_the_time_that_redis_keeps_an_answer() -> None:
    [load] = ALL["soak"](1.0).loads

    assert load.lasts_s * 2 / 5 * 1000 > KEEP_MS


def test_the_soak_runs_only_when_it_is_named() -> None:
    assert "soak" not in USUAL
    assert set(USUAL) | {"soak"} == set(ALL)
