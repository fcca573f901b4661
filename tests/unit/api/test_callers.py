"""The short memory of callers."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from chalicelib.storage.throttle import ThrottleByKey
from chalicelib.tenants import callers as module
from chalicelib.tenants.callers import REMEMBER_S, Caller, Callers
from chalicelib.tenants.credentials import Credential, Kind
from chalicelib.tenants.tenant import ADMIN, Tenant, TenantLimits

from tests.waiting import eventually

KEY = Credential(credential_id="k", kind=Kind.API_KEY, tenant="acme")


class Tables:
    """Credentials and tenants in memory; counts look-ups. `meanwhile` runs, by table, before an answer."""

    def __init__(self) -> None:
        self.credentials = {"k": KEY}
        self.tenants = {"acme": Tenant(name="acme", created_s=1, limits=TenantLimits(rate_per_s=7))}
        self.reads = 0
        self.meanwhile: dict[str, Callable[[], None]] = {}

    def find(self, name: str) -> Credential | None:
        self.reads += 1
        credential = self.credentials.get(name)
        self.meanwhile.get("credentials", lambda: None)()
        return credential


class TenantsOf:
    """The tenants of such tables."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def find(self, name: str) -> Tenant | None:
        found = self.tables.tenants.get(name)
        self.tables.meanwhile.get("tenants", lambda: None)()
        return found

    def reserved(self, name: str) -> int:
        return 0


class Clock:
    """Both clocks, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def callers(tables: Tables, clock: Clock) -> Callers:
    return Callers(tables, TenantsOf(tables), clock, clock)


def known(callers: Callers) -> Caller | None:
    return callers.remembered("k", Kind.API_KEY)


def found(callers: Callers) -> Caller | None:
    return callers.look_up("k", Kind.API_KEY)


def test_a_caller_comes_with_its_tenants_limits(callers: Callers) -> None:
    assert found(callers) == Caller(KEY, TenantLimits(rate_per_s=7))


def test_nobody_is_remembered_before_a_look_up(callers: Callers, tables: Tables) -> None:
    assert known(callers) is None
    assert tables.reads == 0


def test_who_was_found_is_remembered_for_thirty_seconds_without_a_read(
    callers: Callers, tables: Tables, clock: Clock
) -> None:
    found(callers)
    clock.now_s += REMEMBER_S - 0.001
    assert known(callers) is not None
    assert tables.reads == 1

    clock.now_s += 0.002
    assert known(callers) is None


def test_of_many_calls_with_the_same_key_at_once_one_reads(callers: Callers, tables: Tables) -> None:
    callers._reads = ThrottleByKey(patience_s=60)

    with ThreadPoolExecutor(8) as threads:
        with callers._reads.taken(("k", Kind.API_KEY)):
            looked_up = [threads.submit(found, callers) for _ in range(8)]
            eventually(lambda: len(callers._reads._throttles["k", Kind.API_KEY]._waiting) == 8)
        results = [one.result(20) for one in looked_up]

    assert results == [Caller(KEY, TenantLimits(rate_per_s=7))] * 8
    assert tables.reads == 1


def test_who_was_not_found_is_looked_up_again(callers: Callers, tables: Tables) -> None:
    assert callers.look_up("new", Kind.API_KEY) is None
    tables.credentials["new"] = dataclasses.replace(KEY, credential_id="new")

    assert callers.look_up("new", Kind.API_KEY) is not None


def test_a_credential_of_one_kind_is_none_of_another(callers: Callers) -> None:
    found(callers)

    assert callers.remembered("k", Kind.ACCESS_KEY) is None
    assert callers.look_up("k", Kind.ADMIN_KEY) is None


def test_keys_of_a_deleted_tenant_or_of_none_count_for_nothing(callers: Callers, tables: Tables) -> None:
    tables.tenants["acme"] = dataclasses.replace(tables.tenants["acme"], deleted_s=5)
    assert found(callers) is None

    del tables.tenants["acme"]
    assert found(callers) is None


def test_an_admin_key_needs_no_tenant(callers: Callers, tables: Tables) -> None:
    tables.credentials["k"] = Credential(credential_id="k", kind=Kind.ADMIN_KEY, tenant=ADMIN)

    assert callers.look_up("k", Kind.ADMIN_KEY) is not None


def test_a_rotated_key_ends_to_the_second_even_when_it_is_remembered(
    callers: Callers, tables: Tables, clock: Clock
) -> None:
    tables.credentials["k"] = dataclasses.replace(KEY, ends_s=1010)
    found(callers)

    clock.now_s = 1009.9
    assert known(callers) is not None
    clock.now_s = 1010.0
    assert known(callers) is None
    assert found(callers) is None


def test_a_caller_read_before_its_generation_was_known_is_looked_up_once_more(callers: Callers) -> None:
    found(callers)

    callers.learn("acme", 5)
    assert known(callers) is None
    found(callers)
    callers.learn("acme", 5)
    assert known(callers) is not None


def test_another_generation_is_another_memory(callers: Callers, tables: Tables) -> None:
    callers.learn("acme", 5)
    found(callers)
    del tables.credentials["k"]
    assert known(callers) is not None

    callers.learn("acme", 6)
    assert known(callers) is None
    assert found(callers) is None


@pytest.mark.parametrize("table", ["credentials", "tenants"])
def test_what_was_read_while_a_generation_came_is_not_of_it(callers: Callers, tables: Tables, table: str) -> None:
    callers.learn("acme", 5)
    tables.meanwhile[table] = lambda: callers.learn("acme", 6)

    found(callers)

    assert known(callers) is None


def test_the_memory_is_bounded(callers: Callers, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 1)
    tables.credentials["o"] = dataclasses.replace(KEY, credential_id="o")
    found(callers)

    callers.look_up("o", Kind.API_KEY)

    assert known(callers) is None
    assert callers.remembered("o", Kind.API_KEY) is not None


def test_the_memory_of_generations_is_bounded(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 1)
    callers.learn("acme", 5)

    callers.learn("other", 5)

    assert (callers.cache_version("acme"), callers.cache_version("other")) == (None, 5)
