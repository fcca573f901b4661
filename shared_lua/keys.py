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


def tenant_generation(tenant: str) -> str:
    """Redis text: the generation of a tenant's keys and limits."""
    return f"{{hearth}}:generation:tenant:{tenant}"


def function_generation(tenant: str, function: str) -> str:
    """Redis text: the generation of what an Invocation of this function gets; neither name has a slash."""
    return f"{{hearth}}:generation:function:{tenant}/{function}"


def function_seats(tenant: str, function: str) -> str:
    """Redis sorted set of the Invocations that hold a seat reserved for this function, by deadline in ms."""
    return f"{{hearth}}:seats:function:{tenant}/{function}"


def tenant_seats(tenant: str) -> str:
    """Redis sorted set of the Invocations that hold a seat which the tenant's functions share, by deadline in ms."""
    return f"{{hearth}}:seats:tenant:{tenant}"


def tenant_fleet_seats(tenant: str) -> str:
    """Redis sorted set of the tenant's Invocations that somebody waits for, by deadline in ms."""
    return f"{{hearth}}:seats:fleet:{tenant}"


def fleet_seats() -> str:
    """Redis sorted set of the Invocations that somebody waits for, by deadline in ms."""
    return "{hearth}:seats:fleet"


def workers() -> str:
    """Redis sorted set of the workers that can start functions, by when their word expires on Redis's clock, ms.

    A member is `<id>|<how many it runs at once>`.
    """
    return "{hearth}:workers"


def provisions() -> str:
    """Redis hash of what the fleet is to keep warm: field `provision`, value a Provision."""
    return "{hearth}:provisions"


def provision(tenant: str, function: str, qualifier: str) -> str:
    """Field of that hash, and part of `PROVISIONED`; none of the three has a slash."""
    return f"{tenant}/{function}/{qualifier}"


def held(worker: str) -> str:
    """Redis hash of what a worker keeps warm, for a while: field `held_version`, value a Held."""
    return f"{{hearth}}:held:{worker}"


def held_version(tenant: str, function: str, version_id: str) -> str:
    """Field of that hash."""
    return f"{tenant}/{function}/{version_id}"


#: Owner of every tenant's provisioned concurrency among the parts; no tenant's name has a slash.
PROVISIONED = "/provisioned"


def living() -> str:
    """Redis sorted set of the workers that live, able to start functions or not, by when their word expires, ms."""
    return "{hearth}:living"


def free_places() -> str:
    """Redis sorted set of the free places of the workers' express lanes, by worker."""
    return "{hearth}:free"


def waiting() -> str:
    """Redis list of the Invocations that wait for a place on an express lane, as contract JSON, the oldest first."""
    return "{hearth}:waiting"


def lane(worker: str) -> str:
    """Redis list of the Invocations that were granted a place of this worker; with an empty name the prefix of all."""
    return f"{{hearth}}:lane:{worker}"


def in_hand(worker: str) -> str:
    """Redis list of the Invocations that this worker has taken off its lane and not ended."""
    return f"{{hearth}}:in-hand:{worker}"


def orphans() -> str:
    """Redis list of the Invocations on their way from a worker's hands to the durable lane."""
    return "{hearth}:orphans"


def warm(version_id: str) -> str:
    """Redis sorted set of the workers that have a version warm, by when they last ran it or said so, ms."""
    return f"{{hearth}}:warm:{version_id}"


def records() -> str:
    """Redis stream of the express lane's records on their way to the ledger."""
    return "{hearth}:records"


def epoch() -> str:
    """Redis text that a Redis which has lost its memory has not."""
    return "{hearth}:epoch"


def worker_words() -> str:
    """Redis sorted set of the ids of all workers that say something of themselves, by when that expires, ms."""
    return "{hearth}:words"


def worker_word(worker_id: str) -> str:
    """Redis text: what a worker says of itself, as a JSON object."""
    return f"{{hearth}}:word:{worker_id}"


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


def undone(invocation_id: str) -> str:
    """S3 object of an Invocation that was given up without a run: all that is needed to have it run after all."""
    return f"undone/{invocation_id}.json"


def function_row(tenant: str, name: str) -> dict[str, str]:
    """DynamoDB key of a function."""
    return {"tenant": tenant, "name": name}


def part_row(owner: str, part: str) -> dict[str, str]:
    """DynamoDB key of something that belongs to `owner`: a function, a tenant, a digest, …"""
    return {"owner": owner, "part": part}


def code_count() -> str:
    """The one part of `code_parts`: how many versions name the zip."""
    return "refs"


def code_parts(sha256: str) -> str:
    """Owner of what is known of a zip among the parts, by the hex digest of its bytes."""
    return f"code/{sha256}"


def unnamed_codes() -> str:
    """Owner of the zips that may be named by no version any more, among the parts."""
    return "trash"


def unnamed_code(since_s: int, sha256: str) -> str:
    """Part of such a zip: the oldest come first."""
    return f"{since_s:012}/{sha256}"


def function_parts(tenant: str, name: str) -> str:
    """Owner of a function's versions, aliases and configurations among the parts; no tenant's name has a slash."""
    return f"{tenant}/function/{name}"


def usage_parts(tenant: str) -> str:
    """Owner of a tenant's sums by day and function, among the parts."""
    return f"{tenant}/usage"


def usage_part(day: str, function: str) -> str:
    """How the parts of one day (as 2026-11-24) and function begin; a digit follows. No name has a slash."""
    return f"{day}/{function}/"


def idempotency_parts(tenant: str, function: str) -> str:
    """Owner of the Invocations that were asked for under an Idempotency-Key, among the parts, by the key's digest."""
    return f"{tenant}/idempotency/{function}"


#: Owner of all tenants' rows among the parts; no tenant's name has a slash.
TENANTS = "/tenants"


def tenant_keys(tenant: str) -> str:
    """Owner of a tenant's keys, as they are listed, among the parts."""
    return f"{tenant}/keys"


def tenant_concurrency(tenant: str) -> str:
    """Owner of what a tenant's functions reserve, among the parts."""
    return f"{tenant}/concurrency"


def tenant_layers(tenant: str) -> str:
    """Owner of a tenant's layers, by name, among the parts."""
    return f"{tenant}/layers"


def layer_parts(tenant: str, name: str) -> str:
    """Owner of a layer's versions among the parts."""
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
    """Owner of what a tenant's uploads are for, among the parts; no tenant's name has a slash."""
    return f"{tenant}/uploads"


def waiting_uploads() -> str:
    """Owner of every tenant's uploads by when they are given up, among the parts; no tenant's name has a slash."""
    return "/uploads"


#: What the names of a function's published versions begin with, among its parts.
VERSION = "version#"

#: The same of what belongs to one version or alias of it: the number or name follows.
EVENT_INVOKE = "async#"
POLICY = "policy#"
WISH = "provisioned#"
URL = "url#"
QUALIFIED = (EVENT_INVOKE, POLICY, WISH, URL)


def tenant_numbers(tenant: str) -> str:
    """Owner of the last numbers that a tenant's deleted functions published, by name, among the parts."""
    return f"{tenant}/numbers"


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
