"""Turns a load into the plan that `drive.js` carries out."""

import json
from collections.abc import Mapping
from typing import Any

from loadtest.scenarios.model import Callers, Kind, Load, Target

#: The tags that k6 writes with each sample.
TAGS = ["status", "scenario", "error_code"]


def plan(load: Load, run: str, base_url: str, api_keys: Mapping[str | None, str]) -> dict[str, Any]:
    """Returns k6's options and each group's calls. `run` makes the Idempotency-Keys of this run unique."""
    scenarios = {name: {**callers.executor, "exec": callers.kind.value} for name, callers in load.callers.items()}
    calls = {name: _call(load.target, callers, base_url, api_keys) for name, callers in load.callers.items()}
    return {"run": run, "options": {"scenarios": scenarios, "systemTags": TAGS}, "calls": calls}


def _call(target: Target, callers: Callers, base_url: str, api_keys: Mapping[str | None, str]) -> dict[str, Any]:
    function = "function" if target is Target.EMULATOR else callers.function
    prefix = "/2015-03-31" if target is Target.EMULATOR else ""
    return {
        "url": f"{base_url}{prefix}/functions/{function}/invocations",
        "records": f"{base_url}/invocations/",
        "body": json.dumps(callers.event),
        "headers": _headers(callers, api_keys),
        "idempotent": callers.durable,
        "think_s": callers.think_s,
    }


def _headers(callers: Callers, api_keys: Mapping[str | None, str]) -> dict[str, str]:
    headers = {"x-api-key": api_keys[callers.tenant], "content-type": "application/json"}
    return {**headers, "Prefer": "respond-async"} if callers.kind is Kind.RECORD else headers
