"""What a tenant does with functions: create, replace, read, list, delete; never runs one."""

import dataclasses
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib import limits, zip_gate
from chalicelib.belongings import Belongings
from chalicelib.code_store import CodeStore
from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError, RevisionMismatchError
from chalicelib.function import Code, Configuration, Function, mint_version
from chalicelib.naming import Home
from chalicelib.registry import Page, Registry


@dataclass(frozen=True, kw_only=True)
class Functions:
    """The use-cases. A refused one leaves nothing behind: all checks come before the first write."""

    registry: Registry
    code_store: CodeStore
    home: Home
    belongings: Belongings
    changed: Callable[[str, str], None]
    now_us: Callable[[], int]

    def create(self, tenant: str, configuration: Configuration, data: bytes) -> Function:
        """Make a new function of a zip; raise ConflictError when its name is taken, or what is wrong with the zip."""
        code = _checked_code(data, configuration.handler, configuration.runtime)
        if self.registry.find(tenant, configuration.name):
            raise ConflictError(f"Function already exist: {configuration.name}")
        function = self._function(tenant, configuration, code)
        self.code_store.put(code.sha256, data)
        with self._changing(tenant, configuration.name):
            self.registry.add(function)
        return function

    def put(self, tenant: str, name: str, named: Mapping[str, Any], data: bytes) -> tuple[Function, bool]:
        """Make or replace a function, and tell whether it is new. What is not named keeps its value or its default."""
        current = self.registry.find(tenant, name)
        if current is None:
            return self.create(tenant, _new_configuration(name, named), data), True
        configuration = dataclasses.replace(current.configuration, **named)
        return self._replace(current, configuration, data), False

    def update_code(
        self, tenant: str, name: str, data: bytes, revision: str | None = None, *, dry_run: bool = False
    ) -> Function:
        """Give a function another zip, or only check it on a dry run; raise NotFoundError, RevisionMismatchError, …"""
        current = self.get(tenant, name)
        if revision not in (None, current.revision):
            raise RevisionMismatchError
        if dry_run:
            code = _checked_code(data, current.version.handler, current.version.runtime)
            return self._function(tenant, current.configuration, code)
        return self._replace(current, current.configuration, data)

    def get(self, tenant: str, name: str) -> Function:
        """Give a function; raise NotFoundError."""
        function = self.registry.find(tenant, name)
        if function is None:
            raise self._not_found(tenant, name)
        return function

    def page(self, tenant: str, after: str | None, most: int) -> Page:
        """Give a page of the tenant's functions by name."""
        return self.registry.page(tenant, after, min(most, limits.MAX_PAGE))

    def delete(self, tenant: str, name: str) -> None:
        """Forget a function with all that belongs to it; raise NotFoundError.

        What belongs to it goes first: a public URL that outlived its function would serve the next one of this name.
        What was added meanwhile goes after. Its zip stays: others may have the same, and work may wait.
        """
        self.get(tenant, name)
        with self._changing(tenant, name):
            self.belongings.forget_all(tenant, name)
            if not self.registry.remove(tenant, name):
                raise self._not_found(tenant, name)
            self.belongings.forget_all(tenant, name)

    def code_link(self, function: Function) -> str:
        """Give an address from which the function's zip can be fetched for a while."""
        return self.code_store.link(function.version.code_sha256)

    def _replace(self, current: Function, configuration: Configuration, data: bytes) -> Function:
        code = _checked_code(data, configuration.handler, configuration.runtime)
        function = self._function(current.version.tenant, configuration, code)
        self.code_store.put(code.sha256, data)
        with self._changing(current.version.tenant, configuration.name):
            self.registry.replace(function, current.revision)
        return function

    @contextmanager
    def _changing(self, tenant: str, name: str) -> Iterator[None]:
        """Have nobody go on what is remembered of a function.

        Told before the write, so that nothing is written when it cannot be told; and after it, so that what was read
        meanwhile does not count either.
        """
        self.changed(tenant, name)
        yield
        self.changed(tenant, name)

    def _function(self, tenant: str, configuration: Configuration, code: Code) -> Function:
        return Function(
            version=mint_version(self.home, tenant, configuration, code),
            role=configuration.role,
            description=configuration.description,
            modified_at_us=self.now_us(),
            revision=str(uuid.uuid4()),
        )

    def _not_found(self, tenant: str, name: str) -> NotFoundError:
        return NotFoundError(f"Function not found: {self.home.arn(tenant, name)}")


def _new_configuration(name: str, named: Mapping[str, Any]) -> Configuration:
    missing = [field for field in ("runtime", "handler") if field not in named]
    if missing:
        raise InvalidParameterError(
            f"A new function needs {' and '.join(missing)}, as ?runtime=python3.11&handler=main.handler"
        )
    return Configuration(name=name, **named)


def _checked_code(data: bytes, handler: str, runtime: str) -> Code:
    limits.check_zip_size(len(data))
    unpacked_bytes = zip_gate.check(data, handler, runtime)
    return Code(sha256=hashlib.sha256(data).hexdigest(), zip_bytes=len(data), unpacked_bytes=unpacked_bytes)
