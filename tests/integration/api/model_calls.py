"""A valid call of every operation that is offered: another one needs its line in CALLS.

The calls are made in a world in which the function `hello` has version 1, version 2, the alias `live`, the alias `old`,
and whatever a call's own `before` makes; all by boto3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.zips import zipped

ROLE = "arn:aws:iam::000000000000:role/any"
OTHER_CODE = zipped({"main.py": "def handler(event, context): return 2\n"})

#: Stands for the ARN of the function `hello`.
ARN = "~arn~"
#: Stands for the ARN of the first version of the layer `wares`.
LAYER_ARN = "~layer arn~"

Step = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Valid:
    """What a valid call sends, what must have been called before it, and which member names the function."""

    members: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Step, ...] = ()
    names: str | None = "FunctionName"
    #: Required members of the model that AWS itself leaves out, each with a reason beside it in CALLS.
    left_out: frozenset[str] = frozenset()


def creation(name: str) -> dict[str, Any]:
    """What CreateFunction takes."""
    return {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "main.handler",
        "Code": {"ZipFile": zipped()},
    }


#: What makes the world.
WORLD: tuple[Step, ...] = (
    ("CreateFunction", {**creation("hello"), "Publish": True}),
    ("UpdateFunctionCode", {"FunctionName": "hello", "ZipFile": OTHER_CODE, "Publish": True}),
    ("CreateAlias", {"FunctionName": "hello", "Name": "live", "FunctionVersion": "2"}),
    ("CreateAlias", {"FunctionName": "hello", "Name": "old", "FunctionVersion": "1"}),
)

HELLO = {"FunctionName": "hello"}
LIVE = HELLO | {"Qualifier": "live"}
PROVISION: Step = ("PutProvisionedConcurrencyConfig", LIVE | {"ProvisionedConcurrentExecutions": 2})
RESERVE: Step = ("PutFunctionConcurrency", HELLO | {"ReservedConcurrentExecutions": 5})
PERMISSION = HELLO | {"StatementId": "s1", "Action": "lambda:InvokeFunction", "Principal": "*"}
EVENT_INVOKE: Step = ("PutFunctionEventInvokeConfig", LIVE | {"MaximumRetryAttempts": 2})
URL: Step = ("CreateFunctionUrlConfig", LIVE | {"AuthType": "NONE"})

LAYER = {"LayerName": "wares"}
LAYER_CREATION = LAYER | {
    "Description": "d",
    "Content": {"ZipFile": zipped({"python/wares.py": "one = 1\n"})},
    "CompatibleRuntimes": ["python3.11"],
    "LicenseInfo": "MIT",
}
PUBLISH_LAYER: Step = ("PublishLayerVersion", LAYER_CREATION)

CALLS: dict[str, Valid] = {
    "CreateFunction": Valid(
        creation("new")
        | {
            "Description": "d",
            "Timeout": 7,
            "MemorySize": 256,
            "Publish": True,
            "Environment": {"Variables": {"COLOUR": "red"}},
            "Tags": {"team": "a"},
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
        },
        names=None,
    ),
    "GetFunction": Valid(LIVE, (RESERVE,)),
    "GetFunctionConfiguration": Valid(LIVE),
    "ListFunctions": Valid({"FunctionVersion": "ALL", "MaxItems": 2}, names=None),
    "UpdateFunctionCode": Valid(HELLO | {"ZipFile": zipped(), "Publish": True, "DryRun": False}),
    "UpdateFunctionConfiguration": Valid(
        HELLO
        | {
            "Role": ROLE,
            "Handler": "main.other",
            "Runtime": "python3.13",
            "Description": "d",
            "Timeout": 900,
            "MemorySize": 10_240,
            "Environment": {"Variables": {"COLOUR": "blue"}},
        }
    ),
    "DeleteFunction": Valid(HELLO),
    "PublishVersion": Valid(HELLO | {"Description": "d"}),
    "ListVersionsByFunction": Valid(HELLO | {"MaxItems": 2}),
    "CreateAlias": Valid(
        HELLO
        | {
            "Name": "new",
            "FunctionVersion": "1",
            "Description": "d",
            "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
        }
    ),
    "GetAlias": Valid(HELLO | {"Name": "live"}),
    "UpdateAlias": Valid(
        HELLO
        | {
            "Name": "live",
            "FunctionVersion": "1",
            "Description": "d",
            "RoutingConfig": {"AdditionalVersionWeights": {"2": 1.0}},
        }
    ),
    "DeleteAlias": Valid(HELLO | {"Name": "live"}),
    "ListAliases": Valid(HELLO | {"FunctionVersion": "1", "MaxItems": 1}),
    "PutFunctionConcurrency": Valid(HELLO | {"ReservedConcurrentExecutions": 0}),
    "GetFunctionConcurrency": Valid(HELLO, (RESERVE,)),
    "DeleteFunctionConcurrency": Valid(HELLO, (RESERVE,)),
    "PutProvisionedConcurrencyConfig": Valid(LIVE | {"ProvisionedConcurrentExecutions": 1}),
    "GetProvisionedConcurrencyConfig": Valid(LIVE, (PROVISION,)),
    "ListProvisionedConcurrencyConfigs": Valid(HELLO | {"MaxItems": 1}, (PROVISION,)),
    "DeleteProvisionedConcurrencyConfig": Valid(LIVE, (PROVISION,)),
    "GetAccountSettings": Valid(names=None),
    # Where there is none, AWS answers an empty object, although its model requires both.
    "GetFunctionCodeSigningConfig": Valid(HELLO, left_out=frozenset({"CodeSigningConfigArn", "FunctionName"})),
    "GetRuntimeManagementConfig": Valid(HELLO | {"Qualifier": "1"}),
    "GetFunctionRecursionConfig": Valid(HELLO),
    "Invoke": Valid(LIVE | {"InvocationType": "Event", "LogType": "None", "Payload": b"{}"}),
    "PublishLayerVersion": Valid(LAYER_CREATION, names=None),
    "GetLayerVersion": Valid(LAYER | {"VersionNumber": 1}, (PUBLISH_LAYER,), names=None),
    "GetLayerVersionByArn": Valid({"Arn": LAYER_ARN}, (PUBLISH_LAYER,), names=None),
    "ListLayers": Valid({"MaxItems": 1}, (PUBLISH_LAYER,), names=None),
    "ListLayerVersions": Valid(LAYER | {"MaxItems": 1}, (PUBLISH_LAYER,), names=None),
    "DeleteLayerVersion": Valid(LAYER | {"VersionNumber": 1}, (PUBLISH_LAYER,), names=None),
    "TagResource": Valid({"Resource": ARN, "Tags": {"team": "a"}}, names="Resource"),
    "UntagResource": Valid({"Resource": ARN, "TagKeys": ["team"]}, names="Resource"),
    "ListTags": Valid(
        {"Resource": ARN}, (("TagResource", {"Resource": ARN, "Tags": {"team": "a"}}),), names="Resource"
    ),
    "AddPermission": Valid(PERMISSION),
    "GetPolicy": Valid(HELLO, (("AddPermission", PERMISSION),)),
    "RemovePermission": Valid(HELLO | {"StatementId": "s1"}, (("AddPermission", PERMISSION),)),
    "CreateFunctionUrlConfig": Valid(LIVE | {"AuthType": "AWS_IAM", "Cors": {"AllowOrigins": ["*"], "MaxAge": 1}}),
    "GetFunctionUrlConfig": Valid(LIVE, (URL,)),
    "UpdateFunctionUrlConfig": Valid(LIVE | {"AuthType": "AWS_IAM"}, (URL,)),
    "DeleteFunctionUrlConfig": Valid(LIVE, (URL,)),
    "ListFunctionUrlConfigs": Valid(HELLO, (URL,)),
    "PutFunctionEventInvokeConfig": Valid(LIVE | {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60}),
    "UpdateFunctionEventInvokeConfig": Valid(LIVE | {"MaximumRetryAttempts": 0}, (EVENT_INVOKE,)),
    "GetFunctionEventInvokeConfig": Valid(LIVE, (EVENT_INVOKE,)),
    "DeleteFunctionEventInvokeConfig": Valid(LIVE, (EVENT_INVOKE,)),
    "ListFunctionEventInvokeConfigs": Valid(HELLO | {"MaxItems": 1}, (EVENT_INVOKE,)),
}
