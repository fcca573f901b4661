"""Creates, replaces, reads, lists and deletes functions."""

import dataclasses
import hashlib
import io
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from chalicelib import limits
from chalicelib.code import zip_gate
from chalicelib.code.references import CodeRefs
from chalicelib.code.store import CodeStore
from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError, RevisionMismatchError
from chalicelib.functions.cascade import Cascade
from chalicelib.functions.function import NO_CODE, Code, Configuration, Failure, Function, mint_version, named_zips
from chalicelib.functions.registry import Page, Registry
from chalicelib.naming import Home
from chalicelib.storage.items import Act, Item
from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Version

#: How often a deletion begins again when others change the function at the same moment.
TRIES = 5

#: Read at once of a zip in S3.
PIECE_BYTES = 1024 * 1024

#: A zip's bytes, or a file of them: what was uploaded to S3 is never held whole.
Source = bytes | BinaryIO


@dataclass(frozen=True, kw_only=True)
class Functions:
    """The use-cases. A refused one leaves nothing behind: all checks come before the first write.

    `changed` is told a function's tenant and name before and after every change of what an Invocation of it would get.
    """

    registry: Registry
    code_store: CodeStore
    refs: CodeRefs
    home: Home
    cascade: Cascade
    reserving: Callable[[str, int], Act]  #: the act of a tenant's reserved permits growing by so many
    changed: Callable[[str, str], None]
    tenant_changed: Callable[[str], None]  #: told when permits that a function had reserved are the tenant's again
    now_us: Callable[[], int]

    def create(self, tenant: str, configuration: Configuration, source: Source) -> Function:
        """Make a new function of a zip; raise ConflictError when its name is taken, or what is wrong with the zip."""
        code = checked_code(source, configuration)
        if self.registry.find(tenant, configuration.name):
            raise ConflictError(f"Function already exist: {configuration.name}")
        function = self._function(tenant, configuration, code)
        self.code_store.put(code.sha256, source)
        self.store(function, None)
        return function

    def put(self, tenant: str, name: str, named: Mapping[str, Any], source: Source) -> tuple[Function, bool]:
        """Make or replace a function, and tell whether it is new. What is not named keeps its value or its default."""
        current = self.registry.find(tenant, name)
        if current is None:
            return self.create(tenant, _new_configuration(name, named), source), True
        function = self.with_code(current, named, source)
        self.store(function, current)
        return function, False

    def update_code(
        self, tenant: str, name: str, source: Source, revision: str | None = None, *, dry_run: bool = False
    ) -> Function:
        """Give a function another zip, or only check it on a dry run; raise NotFoundError, RevisionMismatchError, …"""
        current = self.at_revision(tenant, name, revision)
        if dry_run:
            return self._changed_to(current, current.configuration, checked_code(source, current.configuration))
        function = self.with_code(current, {}, source)
        self.store(function, current)
        return function

    def configure(self, tenant: str, name: str, named: Mapping[str, Any], revision: str | None = None) -> Function:
        """Change what is named of a function's configuration; raise NotFoundError, RevisionMismatchError, …"""
        current = self.at_revision(tenant, name, revision)
        configuration = dataclasses.replace(current.configuration, **named)
        _check_unpacked(current.code.unpacked_bytes, configuration)
        changed = self._changed_to(current, configuration, current.code)
        failure = None if current.code.sha256 else current.failure  # it says why it cannot run
        changed = dataclasses.replace(changed, upload_id=current.upload_id, failure=failure)
        self.store(changed, current)
        return changed

    def expect(
        self, tenant: str, name: str, named: Mapping[str, Any], upload_id: str, acts: Sequence[Act]
    ) -> tuple[Function, bool]:
        """Have a function wait for an upload, and tell whether it is new; the acts are done with it.

        A new one has no code till then. One that is there goes on as it is, and waits for no earlier upload any more.
        """
        current = self.registry.find(tenant, name)
        if current is None:
            fresh = self._function(tenant, _new_configuration(name, named), NO_CODE)
            function = dataclasses.replace(fresh, upload_id=upload_id)
        else:
            dataclasses.replace(current.configuration, **named)  # what is wrong with it is said now, not a day later
            function = dataclasses.replace(_noted(current), upload_id=upload_id, failure=None)
        self.store(function, current, acts)
        return function, current is None

    def with_code(self, current: Function, named: Mapping[str, Any], source: Source) -> Function:
        """Give a function with another zip, which is checked and kept, and with what is named changed; not stored yet.

        Raises InvalidParameterError or TooLargeError.
        """
        configuration = dataclasses.replace(current.configuration, **named)
        code = checked_code(source, configuration)
        self.code_store.put(code.sha256, source)
        return self._changed_to(current, configuration, code)

    def fail(self, current: Function, failure: Failure) -> None:
        """Store that what a function waited for did not become its code; raise ConflictError."""
        self.store(dataclasses.replace(_noted(current), upload_id="", failure=failure), current)

    def get(self, tenant: str, name: str) -> Function:
        """Give a function; raise NotFoundError."""
        function = self.registry.find(tenant, name)
        if function is None:
            raise self.not_found(tenant, name)
        return function

    def at_revision(self, tenant: str, name: str, revision: str | None) -> Function:
        """Give a function, at this revision if one is named; raise NotFoundError or RevisionMismatchError."""
        function = self.get(tenant, name)
        if revision not in (None, function.revision_id):
            raise RevisionMismatchError
        return function

    def page(self, tenant: str, after: str | None, most: int) -> Page:
        """Give a page of the tenant's functions by name."""
        return self.registry.page(tenant, after, most)

    def delete(self, tenant: str, name: str) -> None:
        """Forget a function with all that belongs to it; raise NotFoundError or ConflictError.

        What belongs to it goes first: a public URL that outlived its function would serve the next one of this name.
        What was added meanwhile goes after. Zips stay until no version names them, and work that waits is done.
        """
        self.get(tenant, name)
        with self.changing(tenant, name):
            for _ in range(TRIES):
                function = self.get(tenant, name)  # before its versions, so that none can be published in between
                self._forget_versions(tenant, name)
                self.cascade.forget_all(tenant, name)
                if self.registry.remove(function, self._leaving(function)):
                    self.cascade.forget_all(tenant, name)
                    if function.reserved:
                        self.tenant_changed(tenant)
                    return
        raise _changed_meanwhile(name)

    def code_link(self, function: Function) -> str:
        """Give an address from which the function's zip can be fetched for a while."""
        return self.code_store.link(function.version.code_sha256)

    def store(
        self, function: Function, seen: Function | None, acts: Sequence[Act] = (), published: Version | None = None
    ) -> None:
        """Store a function over what was seen, in one transaction with the acts; raise ConflictError.

        The one way a function is written: zips are counted here, those of a version that the acts publish too, and
        what is remembered of it ends here.
        """
        version = function.version
        if seen is None:
            function = dataclasses.replace(function, published=self._last_number(version.tenant, version.function))
        left = named_zips(seen.version) if seen else Counter()
        taken = named_zips(version) + (named_zips(published) if published else Counter())
        zips = self.refs.moving(left, taken, self.now_us() // 1_000_000)
        with self.changing(version.tenant, version.function):
            if not self.registry.write(function, seen.revision if seen else None, [*zips, *acts]):
                raise _changed_meanwhile(version.function)

    @contextmanager
    def changing(self, tenant: str, name: str) -> Iterator[None]:
        """Make every cached copy of a function stale.

        Told before the write, so that nothing is written when it cannot be told; and after it, so that what was read
        meanwhile does not count either.
        """
        self.changed(tenant, name)
        yield
        self.changed(tenant, name)

    def not_found(self, tenant: str, name: str, qualifier: str | None = None) -> NotFoundError:
        """Give the error of a function that is not there, or of what a qualifier would name."""
        return NotFoundError(f"Function not found: {self.home.arn(tenant, name, qualifier)}")

    def _forget_versions(self, tenant: str, name: str) -> None:
        """Forget all published versions, each with what it counts for its zips."""
        items, now_s = self.cascade.items, self.now_us() // 1_000_000
        for item in items.every(keys.function_items(tenant, name), keys.VERSION):
            left = self.refs.moving(named_zips(decode(Version, item.body["version"])), {}, now_s)
            items.transact([items.taking(item.partition, item.name), *left])

    def _leaving(self, function: Function) -> list[Act]:
        """Give the acts by which a function leaves its permits and its zips, and its last number behind."""
        tenant, name = function.version.tenant, function.version.function
        acts = self.refs.moving(named_zips(function.version), {}, self.now_us() // 1_000_000)
        if function.reserved:
            acts.append(self.reserving(tenant, -function.reserved))
        if function.published:
            last = Item(partition=keys.tenant_numbers(tenant), name=name, body={"last": function.published})
            acts.append(self.cascade.items.putting(last))
        return acts

    def _last_number(self, tenant: str, name: str) -> int:
        """Give the highest number that a deleted function of this name ever gave: none is given twice."""
        item = self.cascade.items.find(keys.tenant_numbers(tenant), name)
        return item.body["last"] if item else 0

    def _changed_to(self, current: Function, configuration: Configuration, code: Code) -> Function:
        fresh = self._function(current.version.tenant, configuration, code)
        return dataclasses.replace(
            fresh,
            published=current.published,
            published_id=current.published_id,
            reserved=current.reserved,
            revision=current.revision + 1,
        )

    def _function(self, tenant: str, configuration: Configuration, code: Code) -> Function:
        return Function(
            version=mint_version(self.home, tenant, configuration, code),
            role=configuration.role,
            description=configuration.description,
            modified_at_us=self.now_us(),
            revision_id=str(uuid.uuid4()),
            # Never again the number of a function that had this name before: who has seen that one must not write.
            revision=self.now_us(),
        )


def touched(function: Function) -> Function:
    """Give a function of which nothing changes itself, but something that belongs to it."""
    return dataclasses.replace(function, revision=function.revision + 1)


def _noted(function: Function) -> Function:
    """Give a function of which something is shown anew, and nothing is to run differently."""
    return dataclasses.replace(touched(function), revision_id=str(uuid.uuid4()))


def check_runnable(function: Function) -> None:
    """Raise ConflictError unless a function has code."""
    if function.state != "Active":
        raise ConflictError(
            "The operation cannot be performed at this time."
            f" The function is currently in the following state: {function.state}"
        )


def checked_code(source: Source, configuration: Configuration) -> Code:
    """Check a zip against the configuration it is for; raise InvalidParameterError or TooLargeError."""
    zip_bytes = size_of(source)
    limits.check_zip_size(zip_bytes)
    unpacked_bytes = zip_gate.check(source, configuration.handler, configuration.runtime)
    _check_unpacked(unpacked_bytes, configuration)
    return Code(sha256=digest_of(source), zip_bytes=zip_bytes, unpacked_bytes=unpacked_bytes)


def size_of(source: Source) -> int:
    """Give how many bytes a zip has."""
    return len(source) if isinstance(source, bytes) else source.seek(0, io.SEEK_END)


def digest_of(source: Source) -> str:
    """Give the hex SHA-256 of a zip, read in pieces when it is a file."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    digest = hashlib.sha256()
    source.seek(0)
    while piece := source.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _check_unpacked(unpacked_bytes: int, configuration: Configuration) -> None:
    limits.check_unpacked(unpacked_bytes + sum(layer.unpacked_bytes for layer in configuration.layers))


def _new_configuration(name: str, named: Mapping[str, Any]) -> Configuration:
    missing = [field for field in ("runtime", "handler") if field not in named]
    if missing:
        raise InvalidParameterError(
            f"A new function needs {' and '.join(missing)}, as ?runtime=python3.11&handler=main.handler"
        )
    return Configuration(name=name, **named)


def _changed_meanwhile(name: str) -> ConflictError:
    return ConflictError(f"{name} was changed by another request meanwhile. Look, then try again.")
