"""Tells the bucket which functions to call, as controller.json declares it, where CloudFormation does not do it.

`chalice deploy` could do this itself with `@app.on_s3_event`, but `chalice package` refuses an app that has one.
"""

import json
from collections.abc import Mapping
from typing import Any

from infra import templates
from infra.literals import literal

_STATEMENT = "hearth-bucket"


class Notification:
    """The notification of one bucket. `names` resolves the templates' references, functions among them."""

    def __init__(self, s3: Any, functions: Any, names: Mapping[str, Any]) -> None:
        self._s3 = s3
        self._lambda = functions
        self._names = names

    def set(self) -> None:
        """Let the bucket call what is declared, and nothing else."""
        declared = [literal(one, self._names) for one in _declared()]
        for one in declared:
            self._permit(one["Function"])
        self._put([_for_s3(one) for one in declared])

    def clear(self) -> None:
        """Let the bucket call nothing."""
        self._put([])

    def _permit(self, function: str) -> None:
        if self._is_permitted(function):
            return
        self._lambda.add_permission(
            FunctionName=function,
            StatementId=_STATEMENT,
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn=self._names["Bucket.Arn"],
            SourceAccount=self._names["AWS::AccountId"],
        )

    def _is_permitted(self, function: str) -> bool:
        try:
            policy = json.loads(self._lambda.get_policy(FunctionName=function)["Policy"])
        except self._lambda.exceptions.ResourceNotFoundException:
            return False
        return any(statement["Sid"] == _STATEMENT for statement in policy["Statement"])

    def _put(self, functions: list[dict[str, Any]]) -> None:
        self._s3.put_bucket_notification_configuration(
            Bucket=self._names["Bucket"],
            NotificationConfiguration={"LambdaFunctionConfigurations": functions} if functions else {},
        )


def _declared() -> list[dict[str, Any]]:
    bucket = templates.overlay()["Resources"]["Bucket"]["Properties"]
    declared: list[dict[str, Any]] = bucket.get("NotificationConfiguration", {}).get("LambdaConfigurations", [])
    return declared


def _for_s3(one: dict[str, Any]) -> dict[str, Any]:
    """Spell as S3 does what CloudFormation spells its own way."""
    return {
        "LambdaFunctionArn": one["Function"],
        "Events": [one["Event"]],
        "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
    }
