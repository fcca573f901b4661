"""Reads what must be given for a deployment: Redis, the seed and the network. None of them is made here."""

from collections.abc import Mapping
from typing import Any

from infra.errors import DeployError

#: Parameter of controller.json → the variable that carries its value; lists are separated by commas.
TEXTS = {"RedisUrl": "HEARTH_REDIS_URL", "SecretSeed": "HEARTH_SECRET_SEED"}
LISTS = {"SubnetIds": "HEARTH_SUBNET_IDS", "SecurityGroupIds": "HEARTH_SECURITY_GROUP_IDS"}


def parameters(environ: Mapping[str, str]) -> dict[str, Any]:
    """Give the values of controller.json's parameters; raise DeployError naming every variable that is not set."""
    missing = [name for name in (*TEXTS.values(), *LISTS.values()) if not environ.get(name)]
    if missing:
        raise DeployError(f"set {', '.join(missing)}: docs/deploy.md says what they are")
    texts = {parameter: environ[name] for parameter, name in TEXTS.items()}
    return texts | {parameter: environ[name].split(",") for parameter, name in LISTS.items()}
