"""Layers: zips that functions share, in numbered versions that never change."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.code import zip_gate
from chalicelib.code.references import CodeRefs
from chalicelib.code.store import CodeStore
from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError
from chalicelib.functions.lifecycle import Source, digest_of, size_of
from chalicelib.naming import Home, checked_layer_name, layer_of
from chalicelib.storage.items import Item, Items
from shared_lua import keys
from shared_lua.contract import Layer


@dataclass(frozen=True, kw_only=True)
class LayerVersion:
    """One version of a layer."""

    name: str
    number: int
    code_sha256: str  #: hex
    code_bytes: int
    unpacked_bytes: int
    description: str = ""
    license: str = ""
    runtimes: Sequence[str] = ()  #: what it says it is for; nothing is held to it
    architectures: Sequence[str] = ()
    created_at_us: int = 0

    def __post_init__(self) -> None:
        checked_layer_name(self.name)
        limits.check_text("Description", self.description, limits.MAX_DESCRIPTION_CHARS)
        limits.check_text("LicenseInfo", self.license, limits.MAX_LICENSE_CHARS)


#: Tells whether a listing is to have a version.
Wanted = Callable[[LayerVersion], bool]


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The use-cases, each on one tenant's layers: nobody else's can be named."""

    items: Items
    code_store: CodeStore
    refs: CodeRefs
    home: Home
    now_us: Callable[[], int]

    def publish(self, tenant: str, asked: LayerVersion, source: Source) -> LayerVersion:
        """Publish the next version of a layer; raise what is wrong with its zip, or ConflictError."""
        zip_bytes = size_of(source)
        limits.check_zip_size(zip_bytes)
        unpacked_bytes = zip_gate.check_layer(source, asked.runtimes)
        latest = self.items.find(keys.tenant_layers(tenant), asked.name)
        version = dataclasses.replace(
            asked,
            number=latest.body["published"] + 1 if latest else 1,
            code_sha256=digest_of(source),
            code_bytes=zip_bytes,
            unpacked_bytes=unpacked_bytes,
            created_at_us=self.now_us(),
        )
        self.code_store.put(version.code_sha256, source)
        self._store(tenant, version, latest)
        return version

    def get(self, tenant: str, name: str, number: int) -> LayerVersion:
        """Give one version; raise NotFoundError."""
        item = self.items.find(keys.layer_items(tenant, name), keys.layer_item(number))
        if item is None:
            raise NotFoundError(
                f"The resource you requested does not exist: {self.home.layer_arn(tenant, name, number)}"
            )
        return LayerVersion(**item.body)

    def named(self, tenant: str, arns: Sequence[str]) -> tuple[Layer, ...]:
        """Give what a function needs of the layer versions that it names; raise InvalidParameterError."""
        limits.check_layers(arns)
        return tuple(self._layer(tenant, arn) for arn in arns)

    def page(self, tenant: str, wanted: Wanted, after: str | None, most: int) -> tuple[list[LayerVersion], str | None]:
        """Give up to `most` layers' latest versions, of those that are wanted, by name, and the name to go on after."""

        def chosen(item: Item) -> bool:
            return bool(item.body["latest"]) and wanted(LayerVersion(**item.body["latest"]))

        found, last = self.items.chosen(keys.tenant_layers(tenant), "", chosen, after=after, most=most)
        return [LayerVersion(**item.body["latest"]) for item in found], last

    def versions(
        self, tenant: str, name: str, wanted: Wanted, after: str | None, most: int
    ) -> tuple[list[LayerVersion], str | None]:
        """Give up to `most` of a layer's versions that are wanted, newest first, and the number to go on after."""
        start, partition = keys.layer_item(int(after)) if after else None, keys.layer_items(tenant, name)

        def chosen(item: Item) -> bool:
            return wanted(LayerVersion(**item.body))

        found, last = self.items.chosen(partition, "", chosen, after=start, most=most, newest_first=True)
        return [LayerVersion(**item.body) for item in found], str(int(last)) if last else None

    def delete(self, tenant: str, name: str, number: int) -> None:
        """Forget one version, also one that was never there. Functions that name it keep it, as on Lambda."""
        item = self.items.find(keys.layer_items(tenant, name), keys.layer_item(number))
        latest = self.items.find(keys.tenant_layers(tenant), name)
        if item is None or latest is None:
            return
        rest, _ = self.items.page(keys.layer_items(tenant, name), most=2, newest_first=True)
        left = [one.body for one in rest if one.name != item.name]
        acts = [
            self.items.removing(item.partition, item.name),
            self.items.replacing(
                _latest(tenant, name, latest.body["published"], left[0] if left else None), latest.revision
            ),
            *self.refs.unnaming(item.body["code_sha256"], self.now_us() // 1_000_000),
        ]
        self._transact(name, acts)

    def delete_all(self, tenant: str, most: int) -> bool:
        """Forget up to `most` versions of the layers of a tenant that is no more, and tell whether nothing is left."""
        for layer in self.items.every(keys.tenant_layers(tenant)):
            for version in self.items.every(keys.layer_items(tenant, layer.name)):
                if most == 0:
                    return False
                left = self.refs.unnaming(version.body["code_sha256"], self.now_us() // 1_000_000)
                self.items.transact([self.items.taking(version.partition, version.name), *left])
                most -= 1
            self.items.remove(layer.partition, layer.name)
        return True

    def link(self, version: LayerVersion) -> str:
        """Give an address from which the version's zip can be fetched for a while."""
        return self.code_store.link(version.code_sha256)

    def _layer(self, tenant: str, arn: str) -> Layer:
        name, number = layer_of(self.home, tenant, arn)
        try:
            version = self.get(tenant, name, number)
        except NotFoundError:
            raise InvalidParameterError(f"Layer version {arn} does not exist.") from None
        return Layer(
            arn=self.home.layer_arn(tenant, name, number),
            code_sha256=version.code_sha256,
            code_bytes=version.code_bytes,
            unpacked_bytes=version.unpacked_bytes,
        )

    def _store(self, tenant: str, version: LayerVersion, latest: Item | None) -> None:
        body = dataclasses.asdict(version)
        pointer = _latest(tenant, version.name, version.number, body)
        acts = [
            self.items.adding(
                Item(partition=keys.layer_items(tenant, version.name), name=keys.layer_item(version.number), body=body)
            ),
            self.items.replacing(pointer, latest.revision) if latest else self.items.adding(pointer),
            self.refs.naming(version.code_sha256),
        ]
        self._transact(version.name, acts)

    def _transact(self, name: str, acts: Sequence[dict[str, dict[str, object]]]) -> None:
        if not self.items.transact(acts):
            raise ConflictError(f"Layer {name} was changed by another request meanwhile. Look, then try again.")


def _latest(tenant: str, name: str, published: int, latest: object) -> Item:
    """Give a layer's own part: the highest number ever given, which is never given again, and the latest version."""
    return Item(partition=keys.tenant_layers(tenant), name=name, body={"published": published, "latest": latest})
