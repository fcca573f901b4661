"""A tenant that uploads by forms, and the bucket that tells the app of what came."""

import dataclasses
import json
from typing import Any

import app
import urllib3
from chalicelib.wiring import Controller

from local.events import created
from shared_lua import keys
from tests.apigateway import Answer, Gateway
from tests.zips import zipped

Key = dict[str, str]
NEW = {"function": "big", "runtime": "python3.11", "handler": "main.handler"}
OTHER = zipped({"main.py": "def handler(event, context):\n    return 2\n"})


@dataclasses.dataclass
class Bench:
    """A tenant that uploads, and the bucket that tells the app of it."""

    gateway: Gateway
    key: Key
    hearth: Controller
    s3: Any

    def begin(self, **asked: Any) -> Answer:
        headers = self.key | {"Content-Type": "application/json"}
        return self.gateway.send("POST", "/uploads", json.dumps(asked).encode(), headers)

    def post(self, begun: Answer, zip_bytes: bytes) -> int:
        """Post the form as a browser would; give the status."""
        return self.post_to(begun.json, zip_bytes)

    def post_to(self, form: dict[str, Any], zip_bytes: bytes) -> int:
        fields = {**form["fields"], "file": ("function.zip", zip_bytes, "application/zip")}
        with urllib3.PoolManager() as http:
            return http.request("POST", form["url"], fields=fields).status

    def tell(self, begun: Answer) -> None:
        """Call the handler as the bucket does."""
        app.on_upload(created(self.hearth.functions.uploads.store.bucket, begun.json["fields"]["key"]), None)

    def bring(self, zip_bytes: bytes, **asked: Any) -> Answer:
        begun = self.begin(**asked)
        assert begun.status == 201, begun.body
        assert self.post(begun, zip_bytes) == 204
        self.tell(begun)
        return begun

    def show(self, name: str = "big") -> dict[str, Any]:
        shown: dict[str, Any] = self.gateway.send("GET", f"/functions/{name}", headers=self.key).json
        return shown

    def lying(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.hearth.functions.uploads.store.bucket, Prefix="uploads/")
        return [one["Key"] for one in listed.get("Contents", [])]

    def waiting(self) -> int:
        owners = (keys.waiting_uploads(), keys.tenant_uploads("acme"))
        return sum(len(self.hearth.functions.uploads.items.every(partition)) for partition in owners)
