"""Tags, as an unmodified boto3 client puts them on functions."""

from typing import Any

import pytest
from chalicelib.wiring import Controller

from tests.apigateway import Gateway
from tests.integration.api.test_lambda_api import create

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_tags_are_put_replaced_listed_and_taken_off(boto: Any) -> None:
    arn = create(boto)["FunctionArn"]

    boto.tag_resource(Resource=arn, Tags={"team": "red", "ünï": ""})
    boto.tag_resource(Resource=arn, Tags={"team": "blue"})
    both = boto.list_tags(Resource=arn)["Tags"]
    done = boto.untag_resource(Resource=arn, TagKeys=["team", "never there"])

    assert both == {"team": "blue", "ünï": ""}
    assert boto.list_tags(Resource=arn)["Tags"] == {"ünï": ""}
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_function_is_born_with_tags_and_shows_them(boto: Any) -> None:
    create(boto, Tags={"a": "1"})

    assert boto.get_function(FunctionName="hello")["Tags"] == {"a": "1"}


def test_a_function_whose_tags_are_refused_is_not_born(boto: Any) -> None:
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="reserved"):
        create(boto, Tags={"AWS:a": "1"})

    assert boto.list_functions()["Functions"] == []


def test_fifty_tags_are_allowed_and_one_more_is_not(boto: Any) -> None:
    arn = create(boto, Tags={str(n): "" for n in range(49)})["FunctionArn"]

    boto.tag_resource(Resource=arn, Tags={"49": ""})
    boto.tag_resource(Resource=arn, Tags={"49": "again"})
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="50 tags, not 51"):
        boto.tag_resource(Resource=arn, Tags={"50": ""})

    assert len(boto.list_tags(Resource=arn)["Tags"]) == 50


@pytest.mark.parametrize(
    ("longest", "too_long"), [({"k" * 128: ""}, {"k" * 129: ""}), ({"k": "v" * 256}, {"k": "v" * 257})]
)
def test_a_key_and_a_value_have_lengths(boto: Any, longest: dict[str, str], too_long: dict[str, str]) -> None:
    arn = create(boto)["FunctionArn"]

    boto.tag_resource(Resource=arn, Tags=longest)
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="characters"):
        boto.tag_resource(Resource=arn, Tags=too_long)

    assert boto.list_tags(Resource=arn)["Tags"] == longest


def test_a_qualified_function_has_no_tags_of_its_own(boto: Any) -> None:
    arn = create(boto)["FunctionArn"]

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="aliases and versions"):
        boto.tag_resource(Resource=f"{arn}:prod", Tags={"a": "1"})


def test_what_is_no_function_has_no_tags(boto: Any) -> None:
    source = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:01234567-0123-0123-0123-0123456789ab"

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="for functions only"):
        boto.list_tags(Resource=source)


def test_another_tenants_function_is_not_there(boto: Any, gateway: Gateway, hearth: Controller) -> None:
    arn = create(boto)["FunctionArn"]
    keys = hearth.tenants.administration.create("other")
    other = gateway.client(keys.access_key_id, keys.secret_access_key)

    for call, asked in ((other.tag_resource, {"Tags": {"a": "1"}}), (other.list_tags, {})):
        with pytest.raises(other.exceptions.ResourceNotFoundException):
            call(Resource=arn, **asked)


def test_the_next_function_of_a_name_inherits_nothing(boto: Any) -> None:
    create(boto, Tags={"a": "1"})
    boto.add_permission(FunctionName="hello", StatementId="s", Action="lambda:*", Principal="*")
    boto.delete_function(FunctionName="hello")

    arn = create(boto)["FunctionArn"]

    assert boto.list_tags(Resource=arn)["Tags"] == {}
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_policy(FunctionName="hello")
