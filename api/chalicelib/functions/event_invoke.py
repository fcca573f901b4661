"""Event-invoke configurations: how often and how long asynchronous Invocations are tried, and their destinations."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError
from chalicelib.functions.destinations import Destinations
from chalicelib.functions.lifecycle import Functions
from chalicelib.storage.items import Item, Items
from shared_lua import keys
from shared_lua.contract import LATEST

PREFIX = keys.EVENT_INVOKE
#: Lambda's own, of what nobody has configured.
DEFAULT_RETRIES = 2


@dataclass(frozen=True, kw_only=True)
class EventInvoke:
    """One configuration; None leaves a thing to its default. Numbers are within what botocore's model allows."""

    retries: int | None = None
    max_age_s: int | None = None
    on_success: str | None = None  #: ARN of who is told
    on_failure: str | None = None
    modified_at_us: int = 0
    revision: str = field(default="", compare=False)


@dataclass(frozen=True)
class EventInvokes:
    """Configurations by function and qualifier. Whether there is such a function is for the caller to know."""

    items: Items
    functions: Functions
    destinations: Destinations
    now_us: Callable[[], int]

    def of(self, tenant: str, name: str, qualifier: str | None) -> EventInvoke:
        """Give what counts for an Invocation, with one read; all defaults where nothing is configured."""
        return self._find(tenant, name, qualifier) or EventInvoke()

    def get(self, tenant: str, name: str, qualifier: str | None) -> EventInvoke:
        """Give a configuration; raise NotFoundError when there is none."""
        found = self._find(tenant, name, qualifier)
        if found is None:
            arn = self.functions.home.arn(tenant, name, qualifier or LATEST)
            raise NotFoundError(f"The function {arn} doesn't have an EventInvokeConfig")
        return found

    def put(self, tenant: str, name: str, qualifier: str | None, named: Mapping[str, Any]) -> EventInvoke:
        """Set a configuration, and all that is not named to its default; raise InvalidParameterError."""
        wanted = self._checked(tenant, EventInvoke(), named)
        with self.functions.changing(tenant, name):
            self.items.put(_item(tenant, name, qualifier, wanted))
        return wanted

    def update(self, tenant: str, name: str, qualifier: str | None, named: Mapping[str, Any]) -> EventInvoke:
        """Change what is named; raise NotFoundError, InvalidParameterError, or ConflictError in a race."""
        present = self.get(tenant, name, qualifier)
        wanted = self._checked(tenant, present, named)
        with self.functions.changing(tenant, name):
            if not self.items.replace(_item(tenant, name, qualifier, wanted), present.revision):
                raise ConflictError(f"The EventInvokeConfig of {name} was changed by another request. Try again.")
        return wanted

    def delete(self, tenant: str, name: str, qualifier: str | None) -> None:
        """Go back to the defaults; raise NotFoundError when there is no configuration."""
        self.get(tenant, name, qualifier)
        with self.functions.changing(tenant, name):
            self.items.remove(keys.function_items(tenant, name), _item_name(qualifier))

    def page(
        self, tenant: str, name: str, after: str | None, most: int
    ) -> tuple[list[tuple[str, EventInvoke]], str | None]:
        """Give up to `most` configurations of a function by qualifier, and the qualifier to go on after."""
        start = PREFIX + after if after else None
        found, last = self.items.page(keys.function_items(tenant, name), PREFIX, after=start, most=most)
        shown = [(item.name.removeprefix(PREFIX), _configuration(item)) for item in found]
        return shown, last.removeprefix(PREFIX) if last else None

    def _checked(self, tenant: str, before: EventInvoke, named: Mapping[str, Any]) -> EventInvoke:
        if not named:
            raise InvalidParameterError("You must specify at least one of error handling or destination setting.")
        wanted = dataclasses.replace(before, **named, modified_at_us=self.now_us())
        for arn in (wanted.on_success, wanted.on_failure):
            if arn:
                self.destinations.check(tenant, arn)
        return wanted

    def _find(self, tenant: str, name: str, qualifier: str | None) -> EventInvoke | None:
        item = self.items.find(keys.function_items(tenant, name), _item_name(qualifier))
        return _configuration(item) if item else None


def _item_name(qualifier: str | None) -> str:
    return PREFIX + (qualifier or LATEST)


def _item(tenant: str, name: str, qualifier: str | None, wanted: EventInvoke) -> Item:
    body = dataclasses.asdict(wanted)
    del body["revision"]
    return Item(partition=keys.function_items(tenant, name), name=_item_name(qualifier), body=body)


def _configuration(item: Item) -> EventInvoke:
    return EventInvoke(**item.body, revision=item.revision)
