"""Zips too large for a request: what each upload is for, and how it becomes a function's code.

An upload is three things: a form for S3; a part that says which function it is for; and its place in the one row of all
that are waited for, whose name begins with the moment it is given up. The function's own row names the upload that it
waits for, and that decides: what was superseded, comes twice, or comes after its function is gone changes nothing.
"""

import dataclasses
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.errors import ConflictError, HearthError, InvalidParameterError, TooLargeError
from chalicelib.functions.function import Configuration, Failure, Function
from chalicelib.functions.lifecycle import Functions
from chalicelib.functions.upload_store import Form, UploadStore
from chalicelib.functions.versions import Versions
from chalicelib.storage.items import Act, Item, Items
from shared_lua import keys

#: After this nobody waits any more; the bucket's lifecycle removes what was put there meanwhile.
WAIT_S = 24 * 3600
#: What is known of an upload may go some time after it was given up.
KEEP_S = WAIT_S + 3600
#: How often a function may be changed by others while its upload is made its code.
TRIES = 5
PAGE = 50

logger = logging.getLogger("hearth")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One upload that is waited for."""

    tenant: str
    function: str
    named: Mapping[str, Any] = field(default_factory=dict)  #: fields of Configuration that come with the code
    publish: bool = False
    upload_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    give_up_s: int


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """The use-cases. Each raises UnavailableError when a part is down, and can then be asked again."""

    items: Items
    store: UploadStore
    functions: Functions
    versions: Versions
    now_us: Callable[[], int]

    def place(self, tenant: str) -> tuple[str, Form]:
        """Give the key and form of a place for a zip that other calls then name as their S3Key."""
        upload_id = str(uuid.uuid4())
        return keys.upload(tenant, upload_id), self.store.form(tenant, upload_id)

    def begin(
        self, tenant: str, function: str, named: Mapping[str, Any], *, publish: bool = False
    ) -> tuple[Upload, Form, Function]:
        """Have a function wait for a zip, and give the form for it; raise what is wrong with its configuration."""
        upload = Upload(
            tenant=tenant,
            function=function,
            named=named,
            publish=publish,
            give_up_s=self.now_us() // 1_000_000 + WAIT_S,
        )
        changed, _ = self.functions.expect(tenant, function, named, upload.upload_id, self._adding(upload))
        return upload, self.store.form(tenant, upload.upload_id), changed

    def arrived(self, tenant: str, upload_id: str) -> None:
        """Make a zip that has come its function's code, or say there why not; what nobody waits for stays as it is."""
        item = self.items.find(keys.tenant_uploads(tenant), upload_id)
        if item is None:  # it is there to be named as an S3Key, or is done with
            return
        upload = Upload(**item.body)
        self._settle(upload, self._take)
        self.store.forget(tenant, upload_id)
        self.items.transact(self._removing(upload))

    def give_up(self) -> int:
        """Wait no longer for what did not come in time, and tell how many that were; one that fails stays for later."""
        now_s = self.now_us() // 1_000_000
        page, _ = self.items.page(keys.waiting_uploads(), most=PAGE)
        return sum(self._give_up_apart(Upload(**item.body)) for item in page if item.body["give_up_s"] <= now_s)

    def _give_up_apart(self, upload: Upload) -> bool:
        try:
            self._settle(upload, self._miss)
            return self.items.transact(self._removing(upload))
        except HearthError:
            extra = {"action": "upload_not_given_up", "tenant": upload.tenant, "upload": upload.upload_id}
            logger.warning("An upload could not be given up", exc_info=True, extra=extra)
            return False

    def _settle(self, upload: Upload, end: Callable[[Function, Upload], None]) -> None:
        """End the wait of the upload's function, if this is what it waits for; raise ConflictError."""
        for _ in range(TRIES):
            current = self.functions.registry.find(upload.tenant, upload.function)
            if current is None or current.upload_id != upload.upload_id:
                # A process that wrote the function and died there did not say so: others may go on with the old code.
                self.functions.changed(upload.tenant, upload.function)
                return
            try:
                end(current, upload)
                return
            except ConflictError:
                continue  # somebody changed the function meanwhile: look again
        raise ConflictError(f"{upload.function} is changed all the time; its upload is left for later.")

    def _take(self, current: Function, upload: Upload) -> None:
        try:
            function = self._with_code(current, upload)
        except (InvalidParameterError, TooLargeError) as error:
            self.functions.fail(current, _failure(current.configuration, upload, error))
            return
        if upload.publish:
            self.versions.publish_as(function, current)
        else:
            self.functions.store(function, current)

    def _with_code(self, current: Function, upload: Upload) -> Function:
        source = self.store.open(upload.tenant, upload.upload_id)
        return self.functions.with_code(current, upload.named, source)

    def _miss(self, current: Function, _upload: Upload) -> None:
        reason = f"No zip was uploaded within {WAIT_S // 3600} hours. Begin anew with POST /uploads."
        self.functions.fail(current, Failure(code="InvalidConfiguration", reason=reason))

    def _adding(self, upload: Upload) -> list[Act]:
        return [self.items.adding(item) for item in _items(upload)]

    def _removing(self, upload: Upload) -> list[Act]:
        return [self.items.removing(item.partition, item.name) for item in _items(upload)]


def _items(upload: Upload) -> Iterator[Item]:
    body = dataclasses.asdict(upload)
    waiting = keys.waiting_upload(upload.give_up_s, upload.tenant, upload.upload_id)
    expires_s = upload.give_up_s - WAIT_S + KEEP_S
    yield Item(partition=keys.tenant_uploads(upload.tenant), name=upload.upload_id, body=body, expires_s=expires_s)
    yield Item(partition=keys.waiting_uploads(), name=waiting, body=body)


def _failure(configuration: Configuration, upload: Upload, error: HearthError) -> Failure:
    """Tell a bad zip from a configuration that was changed meanwhile so that it fits no more."""
    try:
        dataclasses.replace(configuration, **upload.named)
    except InvalidParameterError:
        return Failure(code="InvalidConfiguration", reason=str(error))
    return Failure(code="InvalidZipFileException", reason=str(error))
