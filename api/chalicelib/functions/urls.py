"""Function URLs: unguessable ids that stand for functions, and how each may be used."""

import base64
import dataclasses
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError
from chalicelib.functions.cascade import ELSEWHERE, Cascade
from chalicelib.storage.items import Item, Items
from shared_lua import keys

NONE = "NONE"
AWS_IAM = "AWS_IAM"
BUFFERED = "BUFFERED"

#: As Lambda's own: 32 characters, here of 160 random bits. Nobody finds one by trying.
ID_BYTES = 20
ID = re.compile(r"[a-z2-7]{32}")


@dataclass(frozen=True, kw_only=True)
class Cors:
    """What browsers of other origins may do. An empty list allows nothing; `*` in one allows everything."""

    allow_credentials: bool = False
    allow_headers: Sequence[str] = ()
    allow_methods: Sequence[str] = ()
    allow_origins: Sequence[str] = ()
    expose_headers: Sequence[str] = ()
    max_age_s: int = 0

    def __post_init__(self) -> None:
        if self.allow_credentials and "*" in self.allow_origins:
            raise InvalidParameterError(
                "Credentials can be allowed only to origins that are named one by one, not to the origin *"
            )


@dataclass(frozen=True, kw_only=True)
class FunctionUrl:
    """One URL. It is of the function, or of the alias that `qualifier` names."""

    url_id: str
    tenant: str
    function: str
    qualifier: str | None
    auth_type: str
    cors: Cors | None
    created_at_us: int
    modified_at_us: int
    revision: str = field(default="", compare=False)


@dataclass(frozen=True)
class FunctionUrls:
    """URLs by id, and by function and qualifier. Whether there is such a function is for the caller to know."""

    items: Items
    cascade: Cascade
    now_us: Callable[[], int]

    def create(
        self, tenant: str, function: str, qualifier: str | None, auth_type: str, cors: Cors | None
    ) -> FunctionUrl:
        """Store and give a new URL; raise ConflictError when the function, or its alias, has one."""
        now_us = self.now_us()
        url = FunctionUrl(
            url_id=_new_id(),
            tenant=tenant,
            function=function,
            qualifier=qualifier,
            auth_type=auth_type,
            cors=cors,
            created_at_us=now_us,
            modified_at_us=now_us,
        )
        if not self.items.transact([self.items.adding(_pointer(url)), self.items.adding(_target(url))]):
            raise ConflictError(
                "Failed to create function url config: the function has one. Update it, or delete it first."
            )
        return url

    def get(self, tenant: str, name: str, qualifier: str | None) -> FunctionUrl:
        """Give a function's URL; raise NotFoundError."""
        url = self.find(self._pointer(tenant, name, qualifier).body["url_id"])
        if url is None:
            raise _not_found()
        return url

    def find(self, url_id: str) -> FunctionUrl | None:
        """Give the URL of this id with one read, None when there is none."""
        item = self.items.find(keys.url_items(url_id), keys.URL_TARGET) if ID.fullmatch(url_id) else None
        return _url(item) if item else None

    def every(self, tenant: str, name: str) -> list[FunctionUrl]:
        """Give all URLs of a function: its own and its aliases'."""
        pointers = self.items.every(keys.function_items(tenant, name), keys.URL)
        found = [self.find(pointer.body["url_id"]) for pointer in pointers]
        return [url for url in found if url is not None]

    def change(self, url: FunctionUrl, auth_type: str, cors: Cors | None) -> FunctionUrl:
        """Store and give a URL over what was read; raise ConflictError when it was changed or deleted meanwhile."""
        changed = dataclasses.replace(url, auth_type=auth_type, cors=cors, modified_at_us=self.now_us())
        if not self.items.replace(_target(changed), url.revision):
            raise ConflictError("The function url config was changed by another request meanwhile. Try again.")
        return changed

    def delete(self, tenant: str, name: str, qualifier: str | None) -> None:
        """Forget a function's URL; raise NotFoundError."""
        self.items.transact(self.cascade.removing(self._pointer(tenant, name, qualifier)))

    def _pointer(self, tenant: str, name: str, qualifier: str | None) -> Item:
        pointer = self.items.find(keys.function_items(tenant, name), _pointer_name(qualifier))
        if pointer is None:
            raise _not_found()
        return pointer


def _new_id() -> str:
    """Give a fresh id in lower-case letters and digits."""
    return base64.b32encode(secrets.token_bytes(ID_BYTES)).decode().lower()


def check_mode(invoke_mode: str) -> None:
    """Raise InvalidParameterError unless answers are asked for whole."""
    if invoke_mode != BUFFERED:
        raise InvalidParameterError(
            f"InvokeMode {invoke_mode} is not offered: answers go out whole, at the end of a run. Use {BUFFERED}."
        )


def _not_found() -> NotFoundError:
    return NotFoundError("The resource you requested does not exist.")


def _pointer_name(qualifier: str | None) -> str:
    return keys.URL + (qualifier or "")


def _pointer(url: FunctionUrl) -> Item:
    return Item(
        partition=keys.function_items(url.tenant, url.function),
        name=_pointer_name(url.qualifier),
        body={"url_id": url.url_id, ELSEWHERE: [[keys.url_items(url.url_id), keys.URL_TARGET]]},
    )


def _target(url: FunctionUrl) -> Item:
    body = dataclasses.asdict(url)
    del body["revision"], body["url_id"]
    return Item(partition=keys.url_items(url.url_id), name=keys.URL_TARGET, body=body)


def _url(item: Item) -> FunctionUrl:
    body: Mapping[str, Any] = item.body
    cors = Cors(**body["cors"]) if body["cors"] else None
    url_id = item.partition.removeprefix(keys.url_items(""))
    return FunctionUrl(**{**body, "cors": cors}, url_id=url_id, revision=item.revision)
