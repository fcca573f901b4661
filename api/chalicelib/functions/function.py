"""What a Function is: a name with a configuration and the Version it stands for."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib import limits
from chalicelib.naming import Home, checked_name
from shared_lua.contract import LATEST, Layer, Version

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_S = 3


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a tenant says about a function beside its code, checked at birth."""

    name: str
    runtime: str
    handler: str
    memory_mb: int = DEFAULT_MEMORY_MB
    timeout_s: int = DEFAULT_TIMEOUT_S
    environment: Mapping[str, str] = field(default_factory=dict)
    role: str = ""  #: kept and shown, since Lambda's clients must send one; grants nothing
    description: str = ""
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        checked_name(self.name)
        limits.check_runtime(self.runtime)
        limits.check_handler(self.handler, self.runtime)
        limits.check_memory(self.memory_mb)
        limits.check_timeout(self.timeout_s)
        limits.check_environment(self.environment)
        limits.check_text("Description", self.description, limits.MAX_DESCRIPTION_CHARS)
        limits.check_text("Role", self.role, limits.MAX_ROLE_CHARS)
        limits.check_layers([layer.arn for layer in self.layers])


@dataclass(frozen=True, kw_only=True)
class Code:
    """A zip that passed the gate."""

    sha256: str  #: hex
    zip_bytes: int
    unpacked_bytes: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why the zip that a function was waiting for did not become its code."""

    code: str  #: one of Lambda's StateReasonCodes
    reason: str


@dataclass(frozen=True, kw_only=True)
class Function:
    """A name, the Version that an Invocation of it gets, and what is only shown. A published version is one too.

    One that still waits for its first zip has a Version without code, which nobody may run.
    """

    version: Version
    role: str
    description: str
    modified_at_us: int
    revision_id: str  #: another one after every change
    published: int = 0  #: the highest number that a version of it was ever given
    published_id: str = ""  #: content id of what was published last, when it was $LATEST
    reserved: int | None = None  #: concurrency permits that are its own
    upload_id: str = ""  #: the upload that is to bring its next code; none but this one may
    failure: Failure | None = None  #: why the last upload did not
    revision: int = (
        0  #: counts every change of the function and of what belongs to it: who changes it has seen the last
    )

    @property
    def configuration(self) -> Configuration:
        """What was said about the function beside its code."""
        version = self.version
        return Configuration(
            name=version.function,
            runtime=version.runtime,
            handler=version.handler,
            memory_mb=version.memory_mb,
            timeout_s=version.timeout_s,
            environment=version.environment,
            role=self.role,
            description=self.description,
            layers=version.layers,
        )

    @property
    def content_id(self) -> str:
        """A digest of all that a version of it would keep: with an equal one there is nothing new to publish."""
        layers = [layer.arn for layer in self.version.layers]
        content = json.dumps([self.version.version_id, self.role, self.description, layers])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    @property
    def code(self) -> Code:
        """The zip it runs."""
        version = self.version
        return Code(sha256=version.code_sha256, zip_bytes=version.code_bytes, unpacked_bytes=version.unpacked_bytes)

    @property
    def state(self) -> str:
        """Whether it can run, as Lambda calls it."""
        if self.version.code_sha256:
            return "Active"
        return "Pending" if self.upload_id else "Failed"

    @property
    def last_update(self) -> str:
        """How its last change goes, as Lambda calls it."""
        if self.upload_id:
            return "InProgress"
        return "Failed" if self.failure else "Successful"


#: What a function has that waits for its first zip.
NO_CODE = Code(sha256="", zip_bytes=0, unpacked_bytes=0)


def mint_version(home: Home, tenant: str, configuration: Configuration, code: Code, number: str = LATEST) -> Version:
    """Give the Version that this code with this configuration is under this number; equal ones get equal ids."""
    content = {
        # Tenant and name count: a sandbox is kept by version id, and must never serve two tenants.
        "tenant": tenant,
        "function": configuration.name,
        "code_sha256": code.sha256,
        "runtime": configuration.runtime,
        "handler": configuration.handler,
        "memory_mb": configuration.memory_mb,
        "timeout_s": configuration.timeout_s,
        "environment": dict(configuration.environment),
        "layers": [layer.code_sha256 for layer in configuration.layers],
        "number": number,  # a function can read its own
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Version(
        tenant=tenant,
        function=configuration.name,
        version_id=hashlib.sha256(canonical.encode()).hexdigest()[:32],
        arn=home.arn(tenant, configuration.name, None if number == LATEST else number),
        runtime=configuration.runtime,
        handler=configuration.handler,
        memory_mb=configuration.memory_mb,
        timeout_s=configuration.timeout_s,
        code_sha256=code.sha256,
        code_bytes=code.zip_bytes,
        unpacked_bytes=code.unpacked_bytes,
        environment=configuration.environment,
        layers=configuration.layers,
        number=number,
    )


def named_zips(version: Version) -> Counter[str]:
    """Give how often a version names each zip, its own and its layers', by digest."""
    own = [version.code_sha256] if version.code_sha256 else []
    return Counter([*own, *(layer.code_sha256 for layer in version.layers)])
