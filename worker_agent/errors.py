"""Errors of the platform, as the worker sees them. Errors of a function are values and never raised."""


class PlatformError(Exception):
    """A part of the platform failed: nothing is billed, and the Delivery is returned to its lane."""


class EngineUnavailableError(PlatformError):
    """The Docker Engine does not answer, or cannot make a sandbox now."""


class ImageMissingError(PlatformError):
    """The runtime's image is not on this host."""


class SandboxGoneError(PlatformError):
    """The sandbox died before the event reached it, so the function has not seen this Invocation."""


class UnknownLayoutError(PlatformError):
    """The layout of this host's cgroups is unknown: without counters there is no correct bill."""


class AwsUnavailableError(PlatformError):
    """SQS, DynamoDB or S3 does not answer, or refuses."""


class RecordRefusedError(PlatformError):
    """DynamoDB refuses this very item and always will, whatever else it takes: sending it again changes nothing."""


class RedisUnavailableError(PlatformError):
    """Redis does not answer."""


class ClaimHeldError(PlatformError):
    """Another attempt at this Invocation is under way: one as new as this Delivery or newer, or one with a lease."""

    def __init__(self, message: str, wait_s: int | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s  #: until the lease ends, unless it is renewed; None without one
