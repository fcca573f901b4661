"""Builds the admission."""

import random
import time

from chalicelib import clock
from chalicelib.admission.admit import Admission
from chalicelib.admission.minting import Mint
from chalicelib.admission.targets import Targets
from chalicelib.config import Settings
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.naming import Home
from chalicelib.storage.wiring import Storage
from chalicelib.tenants.wiring import TenantUseCases
from chalicelib.tracing import Tracing


def build(  # noqa: PLR0913  (what decides on an Invocation)
    settings: Settings,
    storage: Storage,
    functions: FunctionUseCases,
    tenants: TenantUseCases,
    *,
    home: Home,
    tracing: Tracing,
) -> Admission:
    """Build the admission."""
    return Admission(
        authentication=tenants.authentication,
        targets=Targets(functions.router.route, functions.event_invokes.of, time.monotonic),
        mint=Mint(settings=settings, tracing=tracing, now_us=clock.now_us),
        home=home,
        outage=storage.outage,
        settings=settings,
        chance=random.random,
    )
