"""What a running stack was seen to use at one moment, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The part that stands in for AWS keeps every record and message in memory, by design: its memory is not Hearth's.
STAND_IN = "aws stand-in"


@dataclass(frozen=True)
class Part:
    """What one part of the stack, with its child processes, has used so far and holds now."""

    cpu_s: float
    memory_mb: float
    descriptors: int


@dataclass(frozen=True)
class Reading:
    """One reading of all parts of a stack and of the machine."""

    at_s: float  #: Unix time
    host_cpu_s: float
    parts: Mapping[str, Part]
    counts: Mapping[str, int] = field(default_factory=dict)  #: other counts by name, such as containers
