"""Every Redis, S3 and DynamoDB key, one function each, so that no two files spell one differently."""

#: DynamoDB attribute values and Redis keys are plain strings here; the adapters dress them.


def answer(invocation_id: str) -> str:
    """Redis list on which a synchronous caller waits for its one answer."""
    return f"hearth:answer:{{{invocation_id}}}"


def answered(invocation_id: str) -> str:
    """Redis marker: the answer of this Invocation has been given; in the same cluster slot as the answer."""
    return f"hearth:answered:{{{invocation_id}}}"


def tenant_bucket(tenant: str) -> str:
    """Redis hash of a tenant's token bucket."""
    return f"hearth:{{rate}}:tenant:{tenant}"


def address_bucket(source_ip: str) -> str:
    """Redis hash of a caller address's token bucket; one cluster slot with the tenants': a script takes both."""
    return f"hearth:{{rate}}:address:{source_ip}"


def workers_able() -> str:
    """Redis flag, short-lived: some worker can start functions."""
    return "hearth:{workers}:able"


def workers_unable() -> str:
    """Redis flag, short-lived: some worker is there and cannot start functions."""
    return "hearth:{workers}:unable"


def code(sha256: str) -> str:
    """S3 object of a zip, by the hex digest of its bytes."""
    return f"code/{sha256}.zip"


def payload(invocation_id: str) -> str:
    """S3 object of an event too large for the queue."""
    return f"payloads/{invocation_id}.json"


def result(invocation_id: str) -> str:
    """S3 object of an answer too large for the ledger."""
    return f"results/{invocation_id}.json"


def function_row(tenant: str, name: str) -> dict[str, str]:
    """DynamoDB key of a function."""
    return {"tenant": tenant, "name": name}


def part_row(owner: str, part: str) -> dict[str, str]:
    """DynamoDB key of something that belongs to `owner`: a function, a tenant, a digest, …"""
    return {"owner": owner, "part": part}


def function_parts(tenant: str, name: str) -> str:
    """Owner of a function's versions, aliases and configurations among the parts; no tenant's name has a slash."""
    return f"{tenant}/function/{name}"


def url_parts(url_id: str) -> str:
    """Owner of what a function URL's id stands for, among the parts; `url/` is no tenant's name."""
    return f"url/{url_id}"


def tenant_schedules(tenant: str) -> str:
    """Owner of a tenant's schedules among the parts: what counts them."""
    return f"{tenant}/schedules"


def due_schedules() -> str:
    """Owner of every tenant's schedules by when they are due, among the parts; no tenant's name has a slash."""
    return "/due"


def invocation_row(invocation_id: str) -> dict[str, str]:
    """DynamoDB key of a ledger row."""
    return {"invocation_id": invocation_id}


def tenant_function(tenant: str, function: str) -> str:
    """DynamoDB key of a function's rows in the ledger's index `recent`; neither name has a slash."""
    return f"{tenant}/{function}"


def credential_row(credential_id: str) -> dict[str, str]:
    """DynamoDB key of an API key (`credential_id` = its hash) or an access key (its id)."""
    return {"credential_id": credential_id}
