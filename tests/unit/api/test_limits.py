"""Each limit at its edge and one past it."""

import pytest
from chalicelib import limits
from chalicelib.errors import InvalidParameterError, InvalidRequestContentError, TooLargeError
from chalicelib.functions.function import Configuration


@pytest.mark.parametrize("memory_mb", [64, 10_240])
def test_memory_reaches_its_edges(memory_mb: int) -> None:
    limits.check_memory(memory_mb)


@pytest.mark.parametrize("memory_mb", [63, 10_241])
def test_memory_past_its_edges_is_refused(memory_mb: int) -> None:
    with pytest.raises(InvalidParameterError, match=f"64 to 10240 MB, not {memory_mb}"):
        limits.check_memory(memory_mb)


@pytest.mark.parametrize("timeout_s", [1, 43_200])
def test_the_timeout_reaches_its_edges(timeout_s: int) -> None:
    limits.check_timeout(timeout_s)


@pytest.mark.parametrize("timeout_s", [0, 43_201])
def test_a_timeout_past_its_edges_is_refused(timeout_s: int) -> None:
    with pytest.raises(InvalidParameterError, match=f"1 to 43200 seconds, not {timeout_s}"):
        limits.check_timeout(timeout_s)


def test_a_zip_may_have_50_mib_and_not_a_byte_more() -> None:
    limits.check_zip_size(50 * 1024 * 1024)

    with pytest.raises(TooLargeError):
        limits.check_zip_size(50 * 1024 * 1024 + 1)


def test_an_event_may_have_6_mib_and_not_a_byte_more() -> None:
    whole = b" " * (6 * 1024 * 1024 - 1) + b"1"
    assert limits.event_text(whole) == whole.decode()

    with pytest.raises(TooLargeError):
        limits.event_text(b" " + whole)


def test_an_empty_event_is_an_empty_object() -> None:
    assert limits.event_text(b"") == "{}"


@pytest.mark.parametrize("body", [b"{", b"{'a': 1}", b"NaN", b"[1] [2]", b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000])
def test_an_event_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestContentError, match="Could not parse request body into json"):
        limits.event_text(body)


def test_the_environment_may_have_4_kib_of_utf_8_and_not_a_byte_more() -> None:
    limits.check_environment({"NAME": "ä" * 2046})

    with pytest.raises(InvalidParameterError, match="4097 bytes; 4096 are allowed"):
        limits.check_environment({"NAME": "ä" * 2046 + "x"})


@pytest.mark.parametrize("name", sorted(limits.RESERVED_NAMES))
def test_lambdas_own_variables_are_reserved(name: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"{name} is reserved"):
        limits.check_environment({name: "x"})


@pytest.mark.parametrize("name", ["", "A", "1A", "A-B", "Ä1", "A=B"])
def test_a_variable_needs_a_name_that_a_shell_could_set(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="needs a name"):
        limits.check_environment({name: "x"})


def test_a_variable_cannot_hold_nul() -> None:
    with pytest.raises(InvalidParameterError, match="NUL"):
        limits.check_environment({"NAME": "a\0b"})


def test_the_handler_may_have_128_characters_and_not_one_more() -> None:
    limits.check_handler("m" * 126 + ".h", "python3.11")

    with pytest.raises(InvalidParameterError, match="129 characters; 128"):
        limits.check_handler("m" * 127 + ".h", "python3.11")


@pytest.mark.parametrize("handler", ["", "main", ".handler", "main.", "my main.handler"])
def test_a_handler_names_a_file_and_a_function(handler: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"file\.function"):
        limits.check_handler(handler, "python3.11")


@pytest.mark.parametrize("handler", ["bootstrap", "any.thing", "x"])
def test_a_provided_function_may_have_any_word_for_a_handler(handler: str) -> None:
    limits.check_handler(handler, "provided")


@pytest.mark.parametrize("handler", ["", "two words"])
def test_a_provided_functions_handler_is_one_word(handler: str) -> None:
    with pytest.raises(InvalidParameterError, match="must be a word"):
        limits.check_handler(handler, "provided")


def test_an_unknown_runtime_is_told_what_is_offered() -> None:
    with pytest.raises(InvalidParameterError, match=r"offered: nodejs20\.x, provided, python3\.11, python3\.13"):
        limits.check_runtime("python2.7")


def test_a_description_may_have_256_characters_and_not_one_more() -> None:
    fine = Configuration(name="f", runtime="python3.11", handler="m.h", description="x" * 256)
    assert len(fine.description) == 256

    with pytest.raises(InvalidParameterError, match="257 characters; 256"):
        Configuration(name="f", runtime="python3.11", handler="m.h", description="x" * 257)
