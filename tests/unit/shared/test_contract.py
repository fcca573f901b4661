"""The values both sides share."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_lua.codec import decode, encode
from shared_lua.contract import (
    TERMINAL,
    Charge,
    ContractError,
    Held,
    Invocation,
    Layer,
    Outcome,
    PeakScope,
    Provision,
    Settlement,
    Status,
    Usage,
    Version,
    attempt_of,
    enqueue_generation_of,
    fence,
)
from tests.builders import invocation, version

SETTLEMENT = Settlement(
    invocation_id="i-1",
    outcome=Outcome(status=Status.SUCCEEDED, payload='{"ü":1}', log_tail="END"),
    attempt=1,
    settled_at_us=5,
    usage=Usage(
        queue_us=1, start_us=2, run_us=3, cpu_us=4, peak_memory_bytes=5, peak_scope=PeakScope.SANDBOX, cold=True
    ),
    charge=Charge(billed_us=1000, memory_mb=128, duration_pico_usd=7, request_pico_usd=8),
)


LAYERS = tuple(Layer(arn=f"arn:layer:{n}", code_sha256="0" * 64, code_bytes=n, unpacked_bytes=4096 * n) for n in (1, 2))


def test_what_is_to_be_kept_warm_and_what_is_held_of_it_travel() -> None:
    request = Provision(version=version(layers=LAYERS, number="7", environment={"A": "b"}), wanted=3)
    told = Held(held=2, idle=1, reason="full")

    assert decode(Provision, encode(request)) == request
    assert decode(Held, encode(told)) == told
    assert decode(Held, '{"held": 0, "idle": 0}').reason is None
    with pytest.raises(ContractError, match="wanted must be positive"):
        Provision(version=request.version, wanted=0)


def test_layers_and_a_published_number_travel_and_layers_keep_their_order() -> None:
    asked = invocation(version=version(layers=LAYERS, number="7"), function_arn="arn:f:live")

    told = decode(Invocation, encode(asked))

    assert told == asked
    assert isinstance(told.version.layers, tuple)
    assert json.loads(encode(asked.version))["layers"][1] == {
        "arn": "arn:layer:2",
        "code_sha256": "0" * 64,
        "code_bytes": 2,
        "unpacked_bytes": 8192,
    }


def test_an_older_sides_version_has_no_layers_and_is_not_published() -> None:
    data = json.loads(encode(invocation(function_arn="arn:f:live")))
    del data["version"]["layers"], data["version"]["number"], data["function_arn"]

    told = decode(Invocation, json.dumps(data))

    assert (told.version.layers, told.version.number, told.function_arn) == ((), "$LATEST", None)


def test_an_older_reader_understands_a_newer_writers_layers() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class OlderVersion:
        tenant: str
        code_sha256: str

    asked = version(layers=LAYERS, number="7")

    assert decode(OlderVersion, encode(asked)) == OlderVersion(tenant="t", code_sha256=asked.code_sha256)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ({}, r"Version\.layers: expected a list, got dict"),
        (None, r"Version\.layers: expected a list, got NoneType"),
        ("ab", r"Version\.layers: expected a list, got str"),
        (["x"], r"Version\.layers\[0\]: expected an object, got str"),
        ([{"arn": 1}], r"Version\.layers\[0\]\.arn: expected str, got int"),
        ([dataclasses.asdict(LAYERS[0]), {"arn": "a"}], r"Version\.layers\[1\]: .*code_sha256"),
        ([{**dataclasses.asdict(LAYERS[0]), "code_bytes": True}], r"layers\[0\]\.code_bytes: expected int, got bool"),
    ],
)
def test_what_is_wrong_with_a_layer_is_named_with_its_place(layers: object, named: str) -> None:
    text = json.dumps({**json.loads(encode(version())), "layers": layers})

    with pytest.raises(ContractError, match=named):
        decode(Version, text)


def test_a_versions_files_are_its_own_and_its_layers() -> None:
    assert version(unpacked_bytes=10).total_unpacked_bytes == 10
    assert version(unpacked_bytes=10, layers=LAYERS).total_unpacked_bytes == 10 + 4096 + 8192


def test_what_is_encoded_is_decoded() -> None:
    asked = invocation(version=version(environment={"A": "b"}), trace_header=None)

    assert decode(Invocation, encode(asked)) == asked
    assert decode(Settlement, encode(SETTLEMENT)) == SETTLEMENT
    assert SETTLEMENT.charge
    assert SETTLEMENT.charge.total_pico_usd == 15


def test_a_newer_sides_extra_fields_are_ignored_and_an_older_sides_missing_ones_filled() -> None:
    data = json.loads(encode(invocation()))
    data["added_later"] = [1]
    del data["client_context"]

    assert decode(Invocation, json.dumps(data)).client_context is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"invocation_id": None}, "Invocation.invocation_id: expected str, got NoneType"),
        ({"admitted_at_us": True}, "Invocation.admitted_at_us: expected int, got bool"),
        ({"admitted_at_us": "5"}, "Invocation.admitted_at_us: expected int, got str"),
        ({"mode": "later"}, "Invocation.mode"),
        ({"version": []}, "Invocation.version: expected an object, got list"),
        ({"schema": 2}, "schema 2, this side reads 1"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], named: str) -> None:
    text = json.dumps({**json.loads(encode(invocation())), **change})

    with pytest.raises(ContractError, match=named):
        decode(Invocation, text)


@pytest.mark.parametrize("field", ["invocation_id", "version", "deadline_us"])
def test_a_missing_field_is_named(field: str) -> None:
    data = json.loads(encode(invocation()))
    del data[field]

    with pytest.raises(ContractError, match=field):
        decode(Invocation, json.dumps(data))


@given(st.text())
def test_rubbish_is_a_contract_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ContractError):
        decode(Invocation, text)


def test_deeply_nested_rubbish_is_a_contract_error_too() -> None:
    with pytest.raises(ContractError):
        decode(Invocation, "[" * 200_000)


def test_values_check_themselves_at_birth() -> None:
    with pytest.raises(ContractError, match="memory_mb"):
        version(memory_mb=0)
    with pytest.raises(ContractError, match="terminal"):
        Outcome(status=Status.RUNNING, payload=None)
    with pytest.raises(ContractError, match="a layer names"):
        dataclasses.replace(LAYERS[0], arn="")
    with pytest.raises(ContractError, match="unpacked_bytes must not be negative"):
        dataclasses.replace(LAYERS[0], unpacked_bytes=-1)


def test_an_invocation_has_four_ends() -> None:
    assert {Status.SUCCEEDED, Status.FAILED, Status.EXPIRED, Status.ABANDONED} == TERMINAL


def test_a_fence_grows_with_every_attempt_and_every_hand_over_and_tells_both() -> None:
    order = [(0, 1), (0, 2), (0, 6), (0, 999), (1, 1), (1, 6), (2, 1)]

    fences = [fence(*told) for told in order]

    assert fences == sorted(set(fences))
    assert [(enqueue_generation_of(number), attempt_of(number)) for number in fences] == order
    assert (attempt_of(0), enqueue_generation_of(0)) == (0, 0)


def test_more_attempts_than_a_hand_over_has_room_for_do_not_pass_for_the_next_one() -> None:
    assert fence(0, 1000) == fence(0, 999) < fence(1, 1)


def test_an_invocation_from_before_there_were_hand_overs_is_at_its_first() -> None:
    text = json.loads(encode(invocation()))
    del text["enqueue_generation"]

    assert decode(Invocation, json.dumps(text)).enqueue_generation == 0


def test_an_older_sides_invocation_is_tried_once_and_nobody_is_told_of_its_end() -> None:
    text = json.loads(encode(invocation(retries=2, on_failure="arn:q")))
    for name in ("retries", "on_success", "on_failure", "chain"):
        del text[name]

    told = decode(Invocation, json.dumps(text))

    assert (told.retries, told.chain, told.listener(Status.FAILED)) == (0, 0, None)


def test_an_older_sides_settlement_is_of_one_try() -> None:
    text = json.loads(encode(SETTLEMENT))
    del text["tries"]

    assert decode(Settlement, json.dumps(text)).tries == 1


@pytest.mark.parametrize("name", ["enqueue_generation", "retries", "chain"])
def test_no_count_of_an_invocations_is_below_zero(name: str) -> None:
    with pytest.raises(ContractError, match="must not be negative"):
        invocation(**{name: -1})


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_success_has_its_own_listener_and_every_other_end_shares_one(status: Status) -> None:
    one = invocation(on_success="arn:s", on_failure="arn:f")

    assert one.listener(status) == ("arn:s" if status is Status.SUCCEEDED else "arn:f")


@pytest.mark.parametrize("wrong", ['"A=b"', "[]", "1", '{"A": 1}'])
def test_an_environment_is_an_object_of_strings(wrong: str) -> None:
    text = encode(invocation(version=version(environment={"A": "b"})))

    with pytest.raises(ContractError, match=r"version\.environment"):
        decode(Invocation, text.replace('{"A":"b"}', wrong))
