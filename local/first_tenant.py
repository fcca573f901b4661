"""Creates the first tenant and the admin key. A process of its own, as the supervisor imports no controller code."""

import dataclasses
import json
import os
import sys

from chalicelib import wiring
from chalicelib.config import Settings


def main(tenant: str) -> None:
    """Creates the tenant and an admin key, and prints all keys as JSON: they can be seen only this once."""
    tenants = wiring.build(Settings.from_env(os.environ)).tenants.administration
    print(json.dumps({**dataclasses.asdict(tenants.create(tenant)), "admin_key": tenants.new_admin_key().secret}))


if __name__ == "__main__":
    main(sys.argv[1])
