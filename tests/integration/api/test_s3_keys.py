"""A zip that is named by its key in the bucket, as S3Bucket and S3Key, and not brought."""

import json
import os
import random
import subprocess
import sys
import uuid
from typing import Any

import app
import pytest
from chalicelib.tenants.administration import IssuedKeys

from local.events import created
from shared_lua.contract import MIB
from tests.conftest import ROOT
from tests.integration.api.uploading import Bench
from tests.zips import HELLO, zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]


#: Names one S3 key three times as a program of its own, so that the stand-in's memory is not counted with it.
NAMING = """
import json, sys, tracemalloc
from app import app
from tests.apigateway import Gateway

key_id, secret, bucket, small, large = sys.argv[1:]
boto = Gateway(app).client(key_id, secret)
role = "arn:aws:iam::000000000000:role/any"

def name(function, key):
    at = {"S3Bucket": bucket, "S3Key": key}
    made = boto.create_function(
        FunctionName=function, Runtime="python3.11", Handler="main.handler", Role=role, Code=at
    )
    changed = boto.update_function_code(FunctionName=function, **at)
    layer = boto.publish_layer_version(LayerName="deps", Content=at)
    return [made["State"], made["CodeSize"], changed["CodeSize"], layer["Content"]["CodeSize"]]

name("small", small)
tracemalloc.start()
sizes = name("large", large)
print(json.dumps([*sizes, tracemalloc.get_traced_memory()[1]]))
"""


def test_a_zip_of_20_mb_comes_to_functions_and_layers_by_its_s3_key_in_bounded_memory(
    bench: Bench, environment: dict[str, str], tenant: IssuedKeys
) -> None:
    content: dict[str, str | bytes] = {"main.py": HELLO, "data.bin": random.Random(1).randbytes(20 * MIB)}
    small, large = bench.begin().json, bench.begin().json
    sizes = []
    for place, zip_bytes in ((small, zipped()), (large, zipped(content))):
        assert bench.post_to(place, zip_bytes) == 204
        sizes.append(len(zip_bytes))

    told = [tenant.access_key_id, tenant.secret_access_key, small["s3_bucket"], small["s3_key"], large["s3_key"]]
    done = subprocess.run(
        [sys.executable, "-c", NAMING, *told],
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    *named, most_bytes = json.loads(done.stdout)
    assert named == ["Active", sizes[1], sizes[1], sizes[1]]
    assert most_bytes < 8 * MIB
    app.on_upload(created(large["s3_bucket"], large["s3_key"]), None)
    assert large["s3_key"] in bench.lying()  # for as long as the bucket keeps it


def test_another_tenants_upload_cannot_be_named(bench: Bench, boto: Any) -> None:
    key = f"uploads/stranger/{uuid.uuid4()}"
    bench.s3.put_object(Bucket=bench.hearth.functions.uploads.store.bucket, Key=key, Body=zipped())

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="under uploads/acme/"):
        boto.create_function(
            FunctionName="big",
            Runtime="python3.11",
            Handler="main.handler",
            Role="arn:aws:iam::000000000000:role/any",
            Code={"S3Bucket": bench.hearth.functions.uploads.store.bucket, "S3Key": key},
        )
