"""Makes the first Tenant and the admin key and prints them; a process of its own."""

import dataclasses
import json
import os
import sys

from chalicelib import wiring
from chalicelib.config import Settings


def main(tenant: str) -> None:
    """Make the Tenant and an admin key, and print what was issued: the only time these keys can be seen."""
    tenants = wiring.build(Settings.from_env(os.environ)).tenants.administration
    print(json.dumps({**dataclasses.asdict(tenants.create(tenant)), "admin_key": tenants.new_admin_key().secret}))


if __name__ == "__main__":
    main(sys.argv[1])
