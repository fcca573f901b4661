"""Makes the first Tenant and prints its keys; it runs as a process of its own and never in the supervisor's."""

import dataclasses
import json
import os
import sys

from chalicelib import wiring
from chalicelib.config import Settings


def main(tenant: str) -> None:
    """Make the Tenant and print what it was issued: the only time its keys can be seen."""
    keys = wiring.build(Settings.from_env(os.environ)).tenants.create(tenant)
    print(json.dumps(dataclasses.asdict(keys)))


if __name__ == "__main__":
    main(sys.argv[1])
