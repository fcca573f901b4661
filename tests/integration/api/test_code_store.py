"""Zips in S3 and their counts, on moto: put, named, left, collected, by several at once."""

import hashlib
import io
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from chalicelib.code.references import ABANDONED_S, CodeRefs
from chalicelib.code.store import CodeStore
from chalicelib.errors import HearthError, InvalidParameterError, UnavailableError, UnservedError
from chalicelib.storage.items import Items

pytestmark = pytest.mark.aws

ZIP = b"PK, as far as the store can tell"
SHA256 = hashlib.sha256(ZIP).hexdigest()
NOW_S = 1_000_000
GRACE_S = 600


class Locked:
    """A client whose every call is atomic, as AWS's are and moto's, under threads, are not."""

    def __init__(self, client: Any, lock: Any) -> None:
        self._client = client
        self._lock = lock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(*args, **kwargs)

        return call


class World:
    """A store, its counts and its clock."""

    def __init__(self, s3: Any, dynamodb: Any, data: dict[str, str]) -> None:
        self.s3, self.bucket = s3, data["BucketName"]
        self.now_s = NOW_S
        self.items = Items(dynamodb, data["ItemsTable"])
        self.refs = CodeRefs(self.items)
        self.store = CodeStore(s3, self.bucket, self.refs, lambda: self.now_s)

    def name(self, sha256: str = SHA256) -> bool:
        return self.items.transact([self.refs.naming(sha256)])

    def leave(self, sha256: str = SHA256, versions: int = 1) -> bool:
        return self.items.transact(self.refs.unnaming(sha256, self.now_s, versions))

    def collect(self) -> int:
        return self.store.collect(self.now_s, GRACE_S)

    def objects(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="code/")
        return [found["Key"].removeprefix("code/").removesuffix(".zip") for found in listed.get("Contents", [])]

    def rows(self) -> int:
        count: int = self.items.dynamodb.scan(TableName=self.items.table)["Count"]
        return count


@pytest.fixture
def world(aws: Any, data: dict[str, str]) -> World:
    lock = threading.RLock()
    return World(Locked(aws("s3"), lock), Locked(aws("dynamodb"), lock), data)


@pytest.mark.parametrize("source", [ZIP, io.BytesIO(ZIP)], ids=["bytes", "a file"])
def test_a_zip_is_stored_under_its_digest_once(source: Any, world: World) -> None:
    world.store.put(SHA256, source)
    world.store.put(SHA256, b"not looked at any more")

    assert world.objects() == [SHA256]
    stored = world.s3.get_object(Bucket=world.bucket, Key=f"code/{SHA256}.zip")
    assert stored["Body"].read() == ZIP


def test_an_upload_is_stored_as_it_was_checked(world: World) -> None:
    world.s3.put_object(Bucket=world.bucket, Key="uploads/1", Body=ZIP, ContentType="application/zip")
    upload = world.store.open("uploads/1")

    world.store.put(hashlib.sha256(upload.read()).hexdigest(), upload)

    assert world.objects() == [SHA256]
    stored = world.s3.get_object(Bucket=world.bucket, Key=f"code/{SHA256}.zip")
    assert stored["Body"].read() == ZIP
    with pytest.raises(InvalidParameterError, match="nothing at uploads/2"):
        world.store.open("uploads/2")


def test_an_upload_that_was_exchanged_is_not_stored(world: World) -> None:
    world.s3.put_object(Bucket=world.bucket, Key="uploads/1", Body=ZIP, ContentType="application/zip")
    upload = world.store.open("uploads/1")
    world.s3.put_object(Bucket=world.bucket, Key="uploads/1", Body=b"evil", ContentType="application/zip")

    with pytest.raises(HearthError):
        world.store.put(SHA256, upload)

    assert world.objects() == []


def test_a_zip_that_is_not_there_cannot_be_named(world: World) -> None:
    assert not world.name()


def test_a_zip_goes_when_its_last_version_left_it_a_grace_ago_and_leaves_no_row(world: World) -> None:
    world.store.put(SHA256, ZIP)
    assert world.name()
    assert world.name()
    world.now_s += GRACE_S + 1
    assert (world.leave(), world.collect(), world.objects()) == (True, 0, [SHA256])
    world.now_s += GRACE_S + 1
    assert (world.collect(), world.objects()) == (0, [SHA256])

    assert world.leave()
    world.now_s += GRACE_S
    assert (world.collect(), world.objects()) == (0, [SHA256])
    world.now_s += 1
    assert (world.collect(), world.objects()) == (1, [])

    assert world.rows() == 0
    assert not world.name()


def test_a_zip_that_was_put_and_never_named_goes_too(world: World) -> None:
    world.store.put(SHA256, ZIP)

    world.now_s += GRACE_S + 1

    assert (world.collect(), world.objects(), world.rows()) == (1, [], 0)


def test_putting_a_zip_again_gives_it_the_grace_again(world: World) -> None:
    world.store.put(SHA256, ZIP)
    world.now_s += GRACE_S + 1
    world.store.put(SHA256, ZIP)

    assert (world.collect(), world.name(), world.objects()) == (0, True, [SHA256])


def test_several_versions_leave_a_zip_in_one_step_and_never_more_than_named_it(world: World) -> None:
    world.store.put(SHA256, ZIP)
    assert world.name()
    assert world.name()

    assert not world.leave(versions=3)
    assert world.leave(versions=2)
    assert not world.leave()


def test_a_version_changes_from_one_zip_to_another_or_to_the_same(world: World) -> None:
    other = "b" * 64
    world.store.put(SHA256, ZIP)
    world.store.put(other, b"other")
    assert world.name()

    assert world.refs.moving({SHA256: 1}, {SHA256: 1}, NOW_S) == []
    assert world.items.transact(world.refs.moving({SHA256: 1}, {other: 1}, NOW_S))
    world.now_s += GRACE_S + 1

    assert (world.collect(), world.objects()) == (1, [other])


def test_while_a_zip_is_being_removed_it_is_neither_put_nor_named(world: World) -> None:
    world.store.put(SHA256, ZIP)
    world.now_s += GRACE_S + 1
    assert world.refs.mark(SHA256, world.now_s, world.now_s - GRACE_S)

    assert not world.name()
    with pytest.raises(UnservedError, match="being removed"):
        world.store.put(SHA256, ZIP)


def test_a_collector_that_died_is_followed_by_another_once_it_must_be_dead(world: World) -> None:
    world.store.put(SHA256, ZIP)
    world.now_s += GRACE_S + 1
    assert world.refs.mark(SHA256, world.now_s, world.now_s - GRACE_S)

    world.now_s += ABANDONED_S
    assert (world.collect(), world.objects()) == (0, [SHA256])
    world.now_s += 1
    assert (world.collect(), world.objects(), world.rows()) == (1, [], 0)


def test_a_collector_without_s3_forgets_nothing(world: World) -> None:
    world.store.put(SHA256, ZIP)
    world.now_s += GRACE_S + 1
    broken = CodeStore(world.s3, "no-such-bucket", world.refs, lambda: world.now_s)

    with pytest.raises(UnavailableError):
        broken.collect(world.now_s, GRACE_S)
    world.now_s += ABANDONED_S + 1

    assert (world.collect(), world.objects()) == (1, [])


def test_a_collection_looks_at_no_more_than_it_is_told_oldest_first(world: World) -> None:
    digests = [letter * 64 for letter in "cab"]
    for sha256 in digests:
        world.store.put(sha256, sha256.encode())
        world.now_s += 1
    world.now_s += GRACE_S

    assert world.store.collect(world.now_s, GRACE_S, most=2) == 2
    assert world.objects() == [digests[2]]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_at_once_a_zip_that_a_version_names_is_there(seed: int, world: World) -> None:
    """In each round tenants put, name and leave zips that the last round left, while two collectors remove those."""
    zips = {hashlib.sha256(content).hexdigest(): content for content in (b"1", b"2", b"3", b"4")}
    chance, missing, named, collected = random.Random(seed), list[str](), list[str](), list[int]()

    def tenant(sha256: str) -> None:
        with suppress(UnservedError):
            world.store.put(sha256, zips[sha256])
            if world.name(sha256):
                named.append(sha256)
                missing.extend({sha256} - set(world.objects()))
                assert world.leave(sha256)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(12):
            world.now_s += GRACE_S + 1
            acts = [pool.submit(tenant, chance.choice(list(zips))) for _ in range(3)]
            acts += [pool.submit(lambda: collected.append(world.collect())) for _ in range(2)]
            [act.result(timeout=60) for act in acts]

    assert (missing, len(named) >= 12, sum(collected) >= 6) == ([], True, True)
    world.now_s += GRACE_S + 1
    world.collect()
    assert (world.objects(), world.rows()) == ([], 0)
