"""Names and ARNs."""

import pytest
from chalicelib.errors import InvalidParameterError, NotFoundError
from chalicelib.naming import Home, account, checked_name

HOME = Home("us-east-1")
MINE = account("acme")


@pytest.mark.parametrize("name", ["a", "a-b_C9", "x" * 64])
def test_a_name_within_the_rule_is_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a.b", "a/b", "ä", "a\n", "../a"])
def test_a_name_out_of_rule_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="1 to 64"):
        checked_name(name)


def test_an_account_is_twelve_digits_and_the_tenants_own() -> None:
    assert len(MINE) == 12
    assert MINE.isdecimal()
    assert account("acme") == MINE != account("other")


@pytest.mark.parametrize(
    "reference",
    [
        "hello",
        "hello:$LATEST",
        "function:hello",
        f"{MINE}:function:hello",
        f"arn:aws:lambda:us-east-1:{MINE}:function:hello",
        f"arn:aws:lambda:us-east-1:{MINE}:function:hello:$LATEST",
    ],
)
def test_all_spellings_of_a_function_mean_it(reference: str) -> None:
    assert HOME.resolve("acme", reference) == "hello"


@pytest.mark.parametrize(
    "reference",
    [
        "000000000000:function:hello",
        "arn:aws:lambda:us-east-1:000000000000:function:hello",
        f"arn:aws:lambda:eu-west-1:{MINE}:function:hello",
        "hello:prod",
        "hello:7",
    ],
)
def test_what_belongs_elsewhere_is_not_found(reference: str) -> None:
    with pytest.raises(NotFoundError, match="Function not found"):
        HOME.resolve("acme", reference)


def test_a_qualifier_beside_the_name_counts_too() -> None:
    assert HOME.resolve("acme", "hello", "$LATEST") == "hello"

    with pytest.raises(NotFoundError, match=r"function:hello:prod$"):
        HOME.resolve("acme", "hello", "prod")


@pytest.mark.parametrize("reference", ["", "a b", "arn:aws:s3:::bucket", "a:b:c:d", "hello:", "x" * 65])
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidParameterError):
        HOME.resolve("acme", reference)
