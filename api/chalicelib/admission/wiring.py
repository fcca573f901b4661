"""Builds the admission."""

import random
import time

from chalicelib.admission.admit import Admission
from chalicelib.admission.targets import Targets
from chalicelib.config import Settings
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.naming import Home
from chalicelib.storage.wiring import Storage
from chalicelib.tenants.wiring import TenantUseCases


def build(
    settings: Settings, storage: Storage, home: Home, functions: FunctionUseCases, tenants: TenantUseCases
) -> Admission:
    """Build the admission."""
    looking_up = storage.throttles.looking_up
    return Admission(
        authentication=tenants.authentication,
        targets=Targets(functions.router.route, functions.event_invokes.of, time.monotonic, looking_up),
        home=home,
        outage=storage.outage,
        settings=settings,
        chance=random.random,
    )
