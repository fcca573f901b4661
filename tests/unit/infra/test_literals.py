"""References become values."""

import pytest

from infra.errors import DeployError
from infra.literals import literal

NAMES = {"Bucket": "b-1", "Bucket.Arn": "arn:aws:s3:::b-1", "AWS::Region": "eu-central-1", "Subnets": ["s-1", "s-2"]}


def test_every_kind_of_reference_becomes_its_value_wherever_it_stands() -> None:
    policy = {"a": [{"Ref": "Bucket"}, {"Fn::GetAtt": ["Bucket", "Arn"]}], "b": {"c": {"Fn::Sub": "${Bucket.Arn}/x/*"}}}

    assert literal(policy, NAMES) == {"a": ["b-1", "arn:aws:s3:::b-1"], "b": {"c": "arn:aws:s3:::b-1/x/*"}}
    assert literal({"Ref": "Subnets"}, NAMES) == ["s-1", "s-2"]
    assert literal({"Fn::Sub": "in ${AWS::Region}"}, NAMES) == "in eu-central-1"


def test_what_holds_no_reference_stays_as_it_is() -> None:
    assert literal({"Version": "1", "n": 3, "l": [None, True]}, NAMES) == {"Version": "1", "n": 3, "l": [None, True]}


def test_a_reference_to_something_unknown_is_an_error_that_names_it() -> None:
    with pytest.raises(DeployError, match=r"Queue\.Arn"):
        literal({"Fn::Sub": "${Queue.Arn}"}, NAMES)
