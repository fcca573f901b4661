"""Published versions: immutable, numbered from 1 and never twice."""

import dataclasses
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.errors import ConflictError, InvalidParameterError
from chalicelib.functions.function import Function, mint_version, named_zips
from chalicelib.functions.lifecycle import Functions, check_runnable, touched
from chalicelib.storage.items import Item, Items
from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Version

PREFIX = keys.VERSION
#: As versions are numbered; `01` is none, and a longer one was never given.
NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True)
class Versions:
    """The use-cases. A version is a Function whose Version bears a number."""

    items: Items
    functions: Functions

    def publish(
        self,
        tenant: str,
        name: str,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision: str | None = None,
    ) -> Function:
        """Publish $LATEST, or give the last version when nothing has changed since.

        Raises NotFoundError, RevisionMismatchError, ConflictError, and InvalidParameterError when the code is not the
        one that `code_sha256` (hex) names.
        """
        limits.check_text("Description", description or "", limits.MAX_DESCRIPTION_CHARS)
        latest = self.functions.at_revision(tenant, name, revision)
        if code_sha256 not in (None, latest.version.code_sha256):
            raise InvalidParameterError("CodeSHA256 is not that of $LATEST: its code was changed since. Look again.")
        check_runnable(latest)
        if latest.published_id == latest.content_id:
            last = self.find(tenant, name, str(latest.published))
            if last:
                return last
        return self.publish_as(latest, latest, description)

    def find(self, tenant: str, name: str, number: str) -> Function | None:
        """Give one version, None when there is none; whether there is such a function is not asked."""
        if not NUMBER.fullmatch(number):
            return None
        item = self.items.find(keys.function_items(tenant, name), keys.version_item(int(number)))
        return _function(item) if item else None

    def get(self, tenant: str, name: str, number: str) -> Function:
        """Give one version; raise NotFoundError."""
        version = self.find(tenant, name, number)
        if version is None:
            raise self.functions.not_found(tenant, name, number)
        return version

    def page(self, tenant: str, name: str, after: str | None, most: int) -> tuple[list[Function], str | None]:
        """Give up to `most` of a function's versions, oldest first, and the number to go on after."""
        self.functions.get(tenant, name)
        partition = keys.function_items(tenant, name)
        found, last = self.items.page(
            partition, PREFIX, after=keys.version_item(int(after)) if after else None, most=most
        )
        return [_function(item) for item in found], str(int(last.removeprefix(PREFIX))) if last else None

    def delete(self, tenant: str, name: str, number: str, named_by: Callable[[], Iterable[str]]) -> None:
        """Forget one version with what belongs to it; raise NotFoundError, or ConflictError when aliases still name it.

        `named_by` gives those. It is asked after the function was read: an alias that comes later makes this fail.
        """
        latest = self.functions.get(tenant, name)
        version = self.get(tenant, name, number)
        aliases = sorted(named_by())
        if aliases:
            raise ConflictError(
                f"Version {number} of {name} is named by {', '.join(aliases)}. Point them elsewhere first."
            )
        partition, now_s = keys.function_items(tenant, name), self.functions.now_us() // 1_000_000
        left = self.functions.refs.moving(named_zips(version.version), {}, now_s)
        left += self.functions.cascade.removing_of(tenant, name, number)
        self.functions.store(
            touched(latest), latest, [self.items.taking(partition, keys.version_item(int(number))), *left]
        )

    def publish_as(self, latest: Function, seen: Function, description: str | None = None) -> Function:
        """Store a function over what was seen of it, with its next version, in one; raise ConflictError."""
        number = latest.published + 1
        version = dataclasses.replace(
            latest,
            version=mint_version(
                self.functions.home,
                latest.version.tenant,
                latest.configuration,
                latest.code,
                str(number),
            ),
            description=latest.description if description is None else description,
            revision_id=str(uuid.uuid4()),
            upload_id="",
            failure=None,
        )
        counted = dataclasses.replace(touched(latest), published=number, published_id=latest.content_id)
        self.functions.store(counted, seen, [self.items.adding(_item(version, number))], version.version)
        return version


def _item(version: Function, number: int) -> Item:
    return Item(
        partition=keys.function_items(version.version.tenant, version.version.function),
        name=keys.version_item(number),
        body={
            "version": encode(version.version),
            "role": version.role,
            "description": version.description,
            "modified_at_us": version.modified_at_us,
        },
        revision=version.revision_id,
    )


def _function(item: Item) -> Function:
    return Function(**{**item.body, "version": decode(Version, item.body["version"])}, revision_id=item.revision)
