"""Checks the user's HEARTH_… settings before the stack starts anything. Run as a program, it prints what is wrong.

A process of its own, as it imports code of both halves.
"""

import os
from collections.abc import Mapping

from chalicelib.config import Settings as ControllerSettings
from chalicelib.config import SettingsError

from worker_agent.config import ConfigError
from worker_agent.config import Settings as WorkerSettings

#: What both halves must be told, and the stack knows only once its parts run.
_LATER = (
    "HEARTH_BUCKET",
    "HEARTH_CREDENTIALS_TABLE",
    "HEARTH_FUNCTIONS_TABLE",
    "HEARTH_INVOCATIONS_TABLE",
    "HEARTH_ITEMS_TABLE",
    "HEARTH_QUEUE_URL",
    "HEARTH_REDIS_URL",
)


def problems(environ: Mapping[str, str]) -> list[str]:
    """Returns a sentence for each half that cannot run with these settings."""
    whole = {**environ, **dict.fromkeys(_LATER, "later")}
    found = []
    try:
        ControllerSettings.from_env(whole)
    except SettingsError as error:
        found.append(str(error))
    try:
        WorkerSettings.from_env(whole)
    except ConfigError as error:
        found.append(str(error))
    return found


if __name__ == "__main__":
    print("\n".join(problems(os.environ)))
