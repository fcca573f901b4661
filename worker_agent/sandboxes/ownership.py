"""Labels that say which agent owns a container, and whether that agent is still alive."""

import os
from dataclasses import dataclass, field

#: Marks every container of ours, with the agent that owns it as its value.
AGENT_LABEL = "hearth.agent"
STACK_LABEL = "hearth.stack"


@dataclass(frozen=True)
class Owner:
    """The owner of containers: an agent, by its process id and start time, within one stack."""

    stack: str
    agent: str = field(default_factory=lambda: agent_epoch(os.getpid()))

    def labels(self) -> dict[str, str]:
        """Return the labels of this owner's containers."""
        return {AGENT_LABEL: self.agent, STACK_LABEL: self.stack}


def agent_epoch(pid: int) -> str:
    """Return `<pid>-<start time in clock ticks>`, which no other process of this boot has."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return f"{pid}-{stat.read().rpartition(')')[2].split()[19]}"


def is_alive(agent: str) -> bool:
    """Return whether the agent of this epoch still runs."""
    try:
        return agent_epoch(int(agent.partition("-")[0])) == agent
    except (OSError, ValueError):
        return False
