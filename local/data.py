"""Creates Hearth's bucket, tables and queues in the AWS stand-in, from the same template as on AWS."""

from collections.abc import Mapping
from typing import Any

import boto3

from local.errors import StackError
from local.state import ROOT

TEMPLATE = ROOT / "infra" / "data.json"
#: Short, so that on one box a killed agent's work moves on within seconds.
VISIBILITY_S = 10

#: Each variable and the template's output that it carries.
_VARIABLES: Mapping[str, str] = {
    "HEARTH_BUCKET": "BucketName",
    "HEARTH_FUNCTIONS_TABLE": "FunctionsTable",
    "HEARTH_INVOCATIONS_TABLE": "InvocationsTable",
    "HEARTH_ITEMS_TABLE": "ItemsTable",
    "HEARTH_CREDENTIALS_TABLE": "CredentialsTable",
    "HEARTH_QUEUE_URL": "QueueUrl",
    "HEARTH_DEAD_LETTERS_URL": "DeadLettersUrl",
    "HEARTH_COMPLETION_QUEUE_URL": "CompletionQueueUrl",
}


def create(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Creates the data resources and returns the variables that name them; raises StackError if that fails."""
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=endpoint,
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    cloudformation.create_stack(
        StackName="hearth-data",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": "VisibilitySeconds", "ParameterValue": str(VISIBILITY_S)}],
    )
    [stack] = cloudformation.describe_stacks(StackName="hearth-data")["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise StackError(f"The resources of {TEMPLATE} were not created: {stack.get('StackStatusReason', stack)}")
    return _variables(stack["Outputs"])


def _variables(outputs: list[dict[str, Any]]) -> dict[str, str]:
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {name: values[key] for name, key in _VARIABLES.items()}
