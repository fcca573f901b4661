"""Builds the store of functions' code."""

from dataclasses import dataclass

from chalicelib import clock
from chalicelib.code.references import CodeRefs
from chalicelib.code.store import CodeStore
from chalicelib.config import Settings
from chalicelib.storage.wiring import Storage


@dataclass(frozen=True, kw_only=True)
class Code:
    """Zips in the bucket, and the count of versions that name each."""

    refs: CodeRefs
    store: CodeStore


def build(settings: Settings, storage: Storage) -> Code:
    """Build the store of zips and its references."""
    refs = CodeRefs(storage.items)
    return Code(refs=refs, store=CodeStore(storage.aws.s3, settings.bucket, refs, clock.now_s))
