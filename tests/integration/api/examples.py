"""A valid call of each operation that door 1 offers, what must be there before it, and what it must refuse.

Whoever offers another operation adds a line to EXAMPLES.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.naming import account

from tests.zips import zipped

ROLE = "arn:aws:iam::000000000000:role/any"
REGION = f"arn:aws:lambda:us-east-1:{account('acme')}"

#: What stands for the operation's own function, its ARN, its layer's ARN and that of the layer's first version.
NAME, ARN, LAYER, LAYER_VERSION = "~name~", "~arn~", "~layer~", "~layer-version~"

#: Thing that must be there before a call → how it is made, in the order of this table.
SETUPS: dict[str, Callable[[Any, str], Any]] = {
    "function": lambda boto, name: boto.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="main.handler", Code={"ZipFile": zipped()}
    ),
    "version": lambda boto, name: boto.publish_version(FunctionName=name),
    "alias": lambda boto, name: boto.create_alias(FunctionName=name, Name="live", FunctionVersion="1"),
    "layer": lambda boto, name: boto.publish_layer_version(
        LayerName=name,
        Content={"ZipFile": zipped({"python/helper.py": ""})},
        CompatibleRuntimes=["python3.11"],
        CompatibleArchitectures=["x86_64"],
        LicenseInfo="MIT",
    ),
    "seats": lambda boto, name: boto.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1),
    "tags": lambda boto, name: boto.tag_resource(Resource=arn_of(name), Tags={"colour": "blue"}),
    "permission": lambda boto, name: boto.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="*"
    ),
    "url": lambda boto, name: boto.create_function_url_config(
        FunctionName=name, AuthType="NONE", Cors={"AllowOrigins": ["*"], "MaxAge": 60}
    ),
}

#: Member whose limits are Hearth's own → values out of them.
OUT_OF_BOUNDS: dict[str, list[Any]] = {
    "FunctionName": ["a" * 65, "a b", "é"],
    "Runtime": ["cobol"],
    "Handler": ["main", "m." + "h" * 127],
    "Description": ["d" * 257],
    "Role": ["r" * 2049],
    "Timeout": [0, 43_201],
    "MemorySize": [63, 10_241],
    "MaxItems": ["0", "10001"],
    "Marker": ["9" * 5000, "a.b"],
    "Environment": [{"Variables": {"NAME": "v" * 4096}}, {"Variables": {"AWS_REGION": "x"}}],
    "Tags": [{f"key{n}": "" for n in range(51)}, {"aws:x": "y"}],
    "InvocationType": ["Later"],
    "ClientContext": ["e30=" * 1000, "%"],
}


@dataclass(frozen=True)
class Example:
    """A valid call: its members, what must be there, and changes that make it name what is not there."""

    members: Mapping[str, Any]
    needs: Sequence[str] = ("function",)
    missing: Sequence[Mapping[str, Any]] = ({"FunctionName": "absent"},)


CREATION = {
    "FunctionName": NAME,
    "Runtime": "python3.11",
    "Role": ROLE,
    "Handler": "main.handler",
    "Code": {"ZipFile": zipped()},
    "Description": "d",
    "Timeout": 5,
    "MemorySize": 256,
    "Environment": {"Variables": {"COLOUR": "red"}},
    "Tags": {"colour": "blue"},
    "Layers": [LAYER_VERSION],
    "Publish": True,
}
PUBLISHED = ("function", "version")
ALIASED = ("function", "version", "alias")
NO_FUNCTION = {"FunctionName": "absent"}
NO_VERSION = {"Qualifier": "7"}
NO_ALIAS = {"Qualifier": "nobody"}

EXAMPLES: dict[str, Example] = {
    "CreateFunction": Example(CREATION, needs=("layer",), missing=()),
    "GetFunction": Example(
        {"FunctionName": NAME, "Qualifier": "live"},
        needs=(*ALIASED, "seats", "tags"),
        missing=[NO_FUNCTION, NO_VERSION, NO_ALIAS],
    ),
    "GetFunctionConfiguration": Example(
        {"FunctionName": ARN, "Qualifier": "1"}, needs=PUBLISHED, missing=[NO_FUNCTION, NO_VERSION, NO_ALIAS]
    ),
    "ListFunctions": Example({"FunctionVersion": "ALL", "MaxItems": 2}, needs=PUBLISHED, missing=()),
    "UpdateFunctionCode": Example({"FunctionName": NAME, "ZipFile": zipped({"main.py": "pass"}), "Publish": True}),
    "UpdateFunctionConfiguration": Example(
        {"FunctionName": NAME, "Timeout": 9, "Layers": [LAYER_VERSION]}, needs=("function", "layer")
    ),
    "DeleteFunction": Example({"FunctionName": NAME}, missing=[NO_FUNCTION, NO_VERSION, NO_ALIAS]),
    "GetFunctionCodeSigningConfig": Example({"FunctionName": NAME}),
    "PublishVersion": Example({"FunctionName": NAME, "Description": "first"}),
    "ListVersionsByFunction": Example({"FunctionName": NAME, "MaxItems": 1}, needs=PUBLISHED),
    "CreateAlias": Example(
        {"FunctionName": NAME, "Name": "blue", "FunctionVersion": "1", "Description": "d"},
        needs=PUBLISHED,
        missing=[NO_FUNCTION, {"FunctionVersion": "7"}, {"FunctionVersion": "$LATEST.PUBLISHED"}],
    ),
    "GetAlias": Example({"FunctionName": NAME, "Name": "live"}, needs=ALIASED, missing=[NO_FUNCTION, {"Name": "no"}]),
    "UpdateAlias": Example(
        {"FunctionName": NAME, "Name": "live", "FunctionVersion": "1", "Description": "e"},
        needs=ALIASED,
        missing=[NO_FUNCTION, {"Name": "no"}, {"FunctionVersion": "7"}],
    ),
    "DeleteAlias": Example({"FunctionName": NAME, "Name": "live"}, needs=ALIASED),
    "ListAliases": Example({"FunctionName": NAME, "FunctionVersion": "1"}, needs=ALIASED),
    "PutFunctionConcurrency": Example({"FunctionName": NAME, "ReservedConcurrentExecutions": 1}),
    "GetFunctionConcurrency": Example({"FunctionName": NAME}, needs=("function", "seats")),
    "DeleteFunctionConcurrency": Example({"FunctionName": NAME}, needs=("function", "seats")),
    "GetAccountSettings": Example({}, needs=(), missing=()),
    "PublishLayerVersion": Example(
        {"LayerName": NAME, "Content": {"ZipFile": zipped({"python/other.py": ""})}, "Description": "d"},
        needs=(),
        missing=(),
    ),
    "GetLayerVersion": Example(
        {"LayerName": NAME, "VersionNumber": 1}, needs=("layer",), missing=[{"LayerName": "no"}, {"VersionNumber": 2}]
    ),
    "GetLayerVersionByArn": Example(
        {"Arn": LAYER_VERSION}, needs=("layer",), missing=[{"Arn": f"{REGION}:layer:no:1"}]
    ),
    "ListLayers": Example({"CompatibleRuntime": "python3.11"}, needs=("layer",), missing=()),
    "ListLayerVersions": Example({"LayerName": NAME}, needs=("layer",), missing=()),  # one without versions has none
    "DeleteLayerVersion": Example({"LayerName": NAME, "VersionNumber": 1}, needs=("layer",), missing=()),  # as Lambda
    "TagResource": Example({"Resource": ARN, "Tags": {"a": "b"}}, missing=[{"Resource": f"{REGION}:function:no"}]),
    "UntagResource": Example(
        {"Resource": ARN, "TagKeys": ["colour", "a"]},
        needs=("function", "tags"),
        missing=[{"Resource": f"{REGION}:function:no"}],
    ),
    "ListTags": Example({"Resource": ARN}, ("function", "tags"), missing=[{"Resource": f"{REGION}:function:no"}]),
    "AddPermission": Example(
        {"FunctionName": NAME, "StatementId": "t", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
        missing=[NO_FUNCTION, NO_VERSION, NO_ALIAS],
    ),
    "GetPolicy": Example({"FunctionName": NAME}, ("function", "permission"), missing=[NO_FUNCTION, NO_ALIAS]),
    "RemovePermission": Example(
        {"FunctionName": NAME, "StatementId": "s"},
        needs=("function", "permission"),
        missing=[NO_FUNCTION, NO_ALIAS, {"StatementId": "no"}],
    ),
    "CreateFunctionUrlConfig": Example({"FunctionName": NAME, "AuthType": "AWS_IAM"}, missing=[NO_FUNCTION, NO_ALIAS]),
    "GetFunctionUrlConfig": Example({"FunctionName": NAME}, ("function", "url"), missing=[NO_FUNCTION, NO_ALIAS]),
    "UpdateFunctionUrlConfig": Example(
        {"FunctionName": NAME, "AuthType": "AWS_IAM"}, ("function", "url"), missing=[NO_FUNCTION, NO_ALIAS]
    ),
    "DeleteFunctionUrlConfig": Example({"FunctionName": NAME}, ("function", "url"), missing=[NO_FUNCTION, NO_ALIAS]),
    "ListFunctionUrlConfigs": Example({"FunctionName": NAME}, needs=("function", "url")),
    "Invoke": Example(
        {"FunctionName": NAME, "InvocationType": "Event", "Payload": b"{}", "Qualifier": "1"},
        needs=PUBLISHED,
        missing=[NO_FUNCTION, NO_VERSION, NO_ALIAS],
    ),
}


def arn_of(name: str) -> str:
    """Give the ARN of the tenant's function of this name."""
    return f"{REGION}:function:{name}"


def filled(value: Any, name: str) -> Any:
    """Give a member's value with the names in it that stand for the function's and the layer's."""
    if isinstance(value, Mapping):
        return {key: filled(one, name) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, name) for one in value]
    known = {NAME: name, ARN: arn_of(name), LAYER: f"{REGION}:layer:{name}", LAYER_VERSION: f"{REGION}:layer:{name}:1"}
    return known.get(value, value) if isinstance(value, str) else value
