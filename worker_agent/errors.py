"""The platform's faults, as the worker sees them: no charge, and the Delivery returns; never the user's faults."""


class PlatformError(Exception):
    """Something of the platform failed: nothing is billed and the Delivery goes back to its lane."""


class EngineUnavailableError(PlatformError):
    """The Docker Engine does not answer, or cannot make a sandbox now."""


class ImageMissingError(PlatformError):
    """The runtime's image is not on this host."""


class SandboxGoneError(PlatformError):
    """The sandbox died before the event reached it, so the function has not seen this Invocation."""


class UnknownLayoutError(PlatformError):
    """This host's cgroups are laid out in a way the meter does not know; a guessed bill would be a wrong one."""


class AwsUnavailableError(PlatformError):
    """SQS, DynamoDB or S3 does not answer, or refuses."""


class RecordRefusedError(PlatformError):
    """DynamoDB refuses this very item and always will, whatever else it takes: sending it again changes nothing."""


class RedisUnavailableError(PlatformError):
    """Redis does not answer."""


class ClaimHeldError(PlatformError):
    """Another attempt at this Invocation, as new or newer than this Delivery or with a lease in force, is under way."""

    def __init__(self, message: str, wait_s: int | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s  #: until the lease ends, unless it is renewed; None without one
