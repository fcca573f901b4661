"""Every Redis, S3 and DynamoDB key, one function each, so that no two files spell one differently."""

#: DynamoDB attribute values and Redis keys are plain strings here; the adapters dress them.


# One hash tag for all of Redis: a script takes keys of tenants, functions, workers and answers together. One Redis does
# more admissions than a fleet of this size has calls; a second one is a second Hearth.


def answer(invocation_id: str) -> str:
    """Redis list on which a synchronous caller waits for its one answer."""
    return f"{{hearth}}:answer:{invocation_id}"


def answered(invocation_id: str) -> str:
    """Redis marker: the answer of this Invocation has been given."""
    return f"{{hearth}}:answered:{invocation_id}"


def tenant_bucket(tenant: str) -> str:
    """Redis number of a tenant's token bucket."""
    return f"{{hearth}}:rate:tenant:{tenant}"


def address_bucket(source_ip: str) -> str:
    """Redis number of a caller address's token bucket."""
    return f"{{hearth}}:rate:address:{source_ip}"


def tenant_cache_version(tenant: str) -> str:
    """Redis text: the cache_version of a tenant's keys and limits."""
    return f"{{hearth}}:cache-version:tenant:{tenant}"


def function_cache_version(tenant: str, function: str) -> str:
    """Redis text: the cache_version of what an Invocation of this function gets; neither name has a slash."""
    return f"{{hearth}}:cache-version:function:{tenant}/{function}"


def function_permits(tenant: str, function: str) -> str:
    """Redis sorted set of the Invocations that hold a permit reserved for this function, by deadline in ms."""
    return f"{{hearth}}:permits:function:{tenant}/{function}"


def tenant_permits(tenant: str) -> str:
    """Redis sorted set of the Invocations that hold a permit which the tenant's functions share, by deadline in ms."""
    return f"{{hearth}}:permits:tenant:{tenant}"


def tenant_fleet_permits(tenant: str) -> str:
    """Redis sorted set of the tenant's Invocations that a caller waits for, by deadline in ms."""
    return f"{{hearth}}:permits:fleet:{tenant}"


def fleet_permits() -> str:
    """Redis sorted set of the Invocations that a caller waits for, by deadline in ms."""
    return "{hearth}:permits:fleet"


def workers() -> str:
    """Redis sorted set of the workers that can start functions, by when their heartbeat expires on Redis's clock, ms.

    A member is `<id>|<how many it runs at once>`.
    """
    return "{hearth}:workers"


def provisions() -> str:
    """Redis hash of what the fleet is to keep warm: field `provision`, value a Provision."""
    return "{hearth}:provisions"


def provision(tenant: str, function: str, qualifier: str) -> str:
    """Field of that hash, and item of `PROVISIONED`; none of the three has a slash."""
    return f"{tenant}/{function}/{qualifier}"


def held(worker: str) -> str:
    """Redis hash of what a worker keeps warm, for a while: field `held_version`, value a Held."""
    return f"{{hearth}}:held:{worker}"


def held_version(tenant: str, function: str, version_id: str) -> str:
    """Field of that hash."""
    return f"{tenant}/{function}/{version_id}"


#: Partition of every tenant's provisioned concurrency; no tenant's name has a slash.
PROVISIONED = "/provisioned"


def living() -> str:
    """Redis sorted set of the workers that live, able or not, by when their heartbeat expires, ms."""
    return "{hearth}:workers:living"


def free_capacity() -> str:
    """Redis sorted set: how many more runs each worker's express lane can take, by worker."""
    return "{hearth}:free"


def waiting() -> str:
    """Redis list of the Invocations that wait for capacity of an express lane, as contract JSON, the oldest first."""
    return "{hearth}:waiting"


def lane(worker: str) -> str:
    """Redis list of the Invocations on this worker's express lane; with an empty name the prefix of all lanes."""
    return f"{{hearth}}:lane:{worker}"


def in_flight(worker: str) -> str:
    """Redis list of the Invocations that this worker has taken off its lane and not ended."""
    return f"{{hearth}}:in-flight:{worker}"


def orphaned() -> str:
    """Redis list of the Invocations on their way from dead workers to the durable lane."""
    return "{hearth}:orphaned"


def unreadable() -> str:
    """Redis list of orphaned items that a side could not read, kept for a newer side that can."""
    return "{hearth}:orphaned:unreadable"


def warm(version_id: str) -> str:
    """Redis sorted set of the workers that have a version warm, by when they last ran it or said so, ms."""
    return f"{{hearth}}:warm:{version_id}"


def records() -> str:
    """Redis stream of the express lane's records on their way to the ledger."""
    return "{hearth}:records"


def epoch() -> str:
    """Redis text that is missing when Redis has lost its memory."""
    return "{hearth}:epoch"


def worker_statuses() -> str:
    """Redis sorted set of the ids of the workers that describe themselves, by when that expires, ms."""
    return "{hearth}:workers:statuses"


def worker_status(worker_id: str) -> str:
    """Redis text: how a worker describes itself, a JSON object."""
    return f"{{hearth}}:worker:status:{worker_id}"


def live_log(invocation_id: str) -> str:
    """Redis text: what a function has printed so far in a run that is not over."""
    return f"{{hearth}}:log:{invocation_id}"


def code(sha256: str) -> str:
    """S3 object of a zip, by the hex digest of its bytes."""
    return f"code/{sha256}.zip"


def payload(invocation_id: str) -> str:
    """S3 object of an event too large for the queue."""
    return f"payloads/{invocation_id}.json"


def result(invocation_id: str) -> str:
    """S3 object of an answer too large for the ledger."""
    return f"results/{invocation_id}.json"


def abandoned_payload(invocation_id: str) -> str:
    """S3 object of an Invocation that was given up without a run: all that a redrive needs."""
    return f"abandoned/{invocation_id}.json"


def refused_record(invocation_id: str) -> str:
    """S3 object of a record that DynamoDB refused, with its reason; see docs/alarms.md."""
    return f"refused/{invocation_id}.json"


def function_row(tenant: str, name: str) -> dict[str, str]:
    """DynamoDB key of a function."""
    return {"tenant": tenant, "name": name}


def item_row(partition: str, name: str) -> dict[str, str]:
    """DynamoDB key of an item. Its partition is what it belongs to: a function, a tenant, a digest, …"""
    return {"partition_key": partition, "sort_key": name}


def code_count() -> str:
    """The one item of `code_items`: how many versions name the zip."""
    return "refs"


def code_items(sha256: str) -> str:
    """Partition of what is known of a zip, by the hex digest of its bytes."""
    return f"code/{sha256}"


def unnamed_codes() -> str:
    """Partition of the zips that may be named by no version any more."""
    return "trash"


def unnamed_code(since_s: int, sha256: str) -> str:
    """Item of such a zip: the oldest come first."""
    return f"{since_s:012}/{sha256}"


def function_items(tenant: str, name: str) -> str:
    """Partition of a function's versions, aliases and configurations; no tenant's name has a slash."""
    return f"{tenant}/function/{name}"


def usage_items(tenant: str) -> str:
    """Partition of a tenant's daily usage, by day and function."""
    return f"{tenant}/usage"


def usage_item(day: str, function: str) -> str:
    """How the items of one day (as 2026-11-24) and function begin; a digit follows. No name has a slash."""
    return f"{day}/{function}/"


def idempotency_items(tenant: str, function: str) -> str:
    """Partition of the Invocations that were asked for under an Idempotency-Key, by the key's digest."""
    return f"{tenant}/idempotency/{function}"


#: Partition of all tenants' rows; no tenant's name has a slash.
TENANTS = "/tenants"


def tenant_keys(tenant: str) -> str:
    """Partition of a tenant's keys, as they are listed."""
    return f"{tenant}/keys"


def tenant_concurrency(tenant: str) -> str:
    """Partition of what a tenant's functions reserve."""
    return f"{tenant}/concurrency"


def tenant_layers(tenant: str) -> str:
    """Partition of a tenant's layers, by name."""
    return f"{tenant}/layers"


def layer_items(tenant: str, name: str) -> str:
    """Partition of a layer's versions."""
    return f"{tenant}/layer/{name}"


def upload(tenant: str, upload_id: str) -> str:
    """S3 object that a tenant has put there, not checked yet; no tenant's name has a slash."""
    return f"{UPLOADS}{tenant}/{upload_id}"


#: Under this lie all uploads in S3.
UPLOADS = "uploads/"


def uploaded(key: str) -> tuple[str, str]:
    """Give tenant and id of the upload whose S3 object this is."""
    tenant, _, upload_id = key.removeprefix(UPLOADS).partition("/")
    return tenant, upload_id


def tenant_uploads(tenant: str) -> str:
    """Partition of what a tenant's uploads are for; no tenant's name has a slash."""
    return f"{tenant}/uploads"


def waiting_uploads() -> str:
    """Partition of every tenant's uploads by when they are given up; no tenant's name has a slash."""
    return "/uploads"


#: What the names of a function's items begin with, by their kind: what follows names one of the kind.
VERSION = "version#"
ALIAS = "alias#"
SCHEDULE = "schedule#"

#: The one item that holds all tags of a function: they are read together, and counted.
TAGS = "tags#"

#: The item of a partition that is replaced whenever the partition's other items may come to be too many: of two
#: requests at once, neither of which sees the other's item, one fails.
GUARD = "guard#"

#: The same of what belongs to one version or alias of it: the number or name follows.
EVENT_INVOKE = "async#"
POLICY = "policy#"
PROVISIONED_REQUEST = "provisioned#"
URL = "url#"
QUALIFIED = (EVENT_INVOKE, POLICY, PROVISIONED_REQUEST, URL)


def tenant_numbers(tenant: str) -> str:
    """Partition of the last numbers that a tenant's deleted functions published, by name."""
    return f"{tenant}/numbers"


def url_items(url_id: str) -> str:
    """Partition of what a function URL's id stands for; `url/` is no tenant's name."""
    return f"url/{url_id}"


def tenant_schedules(tenant: str) -> str:
    """Partition of a tenant's schedules: what counts them."""
    return f"{tenant}/schedules"


def due_schedules() -> str:
    """Partition of every tenant's schedules by when they are due; no tenant's name has a slash."""
    return "/due"


def version_item(number: int) -> str:
    """Item of a function's published version. Names are ordered as texts, so the number has leading zeros."""
    return f"{VERSION}{number:010}"


def schedule_item(schedule_id: str) -> str:
    """Item of a function's schedule."""
    return f"{SCHEDULE}{schedule_id}"


def tenant_schedule(function: str, schedule_id: str) -> str:
    """Item of `tenant_schedules`; neither a function's name nor a schedule's id has a slash."""
    return f"{SCHEDULE}{function}/{schedule_id}"


def due_schedule(due_s: int, tenant: str, function: str, schedule_id: str) -> str:
    """Item of `due_schedules`: the soonest come first, as `due_s` (Unix seconds) has leading zeros."""
    return f"{due_s:012}#{tenant}/{function}/{schedule_id}"


def waiting_upload(give_up_s: int, tenant: str, upload_id: str) -> str:
    """Item of `waiting_uploads`: those to be given up soonest (Unix seconds) come first."""
    return f"{give_up_s:012}#{tenant}/{upload_id}"


def provisions_of(tenant: str) -> str:
    """How the items of `PROVISIONED` begin that are one tenant's."""
    return f"{tenant}/"


def usage_end(begin: str) -> str:
    """A bound behind all usage items of a day, or of `day/function`: "~" sorts after every character of a name."""
    return f"{begin}/~"


def layer_item(number: int) -> str:
    """Item of a layer's version, with leading zeros as `version_item`."""
    return f"{number:010}"


#: The one item of `url_items`: all that a request to the URL needs, in one read.
URL_TARGET = "target"

#: Items of `tenant_concurrency`: the sum of what the functions reserve, and the guard of what is provisioned.
RESERVED_SUM = "reserved"
PROVISIONED_GUARD = "provisioned"


def invocation_row(invocation_id: str) -> dict[str, str]:
    """DynamoDB key of a ledger row."""
    return {"invocation_id": invocation_id}


def tenant_function(tenant: str, function: str) -> str:
    """DynamoDB key of a function's rows in the ledger's index `recent`; neither name has a slash."""
    return f"{tenant}/{function}"


def credential_row(credential_id: str) -> dict[str, str]:
    """DynamoDB key of an API key (`credential_id` = its hash) or an access key (its id)."""
    return {"credential_id": credential_id}
