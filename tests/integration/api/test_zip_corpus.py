"""Every zip of the corpus, through the gate as bytes and as an object that is read from S3 by ranges."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
from chalicelib.code import zip_gate
from chalicelib.errors import InvalidParameterError
from chalicelib.storage.s3_file import open_object

from tests.zip_corpus import FINE, HOSTILE

pytestmark = pytest.mark.aws

Reader = Callable[[bytes], bytes | BinaryIO]


@pytest.fixture(scope="module")
def bucket(aws_endpoint: str) -> tuple[Any, str]:
    import boto3

    s3 = boto3.session.Session(region_name="us-east-1").client("s3", endpoint_url=aws_endpoint)
    s3.create_bucket(Bucket="zip-corpus")
    return s3, "zip-corpus"


@pytest.fixture(params=["bytes", "file", "S3"])
def reader(request: pytest.FixtureRequest, bucket: tuple[Any, str]) -> Reader:
    """A function that gives a zip to the gate's hands."""

    def stored(data: bytes) -> BinaryIO:
        s3, name = bucket
        s3.put_object(Bucket=name, Key="upload", Body=data, ContentType="application/zip")
        return open_object(s3, name, "upload")

    readers: dict[str, Reader] = {"bytes": lambda data: data, "file": io.BytesIO, "S3": stored}
    return readers[request.param]


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_is_refused_however_it_is_read(case: str, reader: Reader) -> None:
    source = reader(HOSTILE[case].build())

    with pytest.raises(InvalidParameterError, match=HOSTILE[case].reason):
        zip_gate.check(source, "main.handler", "python3.11")


@pytest.mark.parametrize("case", FINE)
def test_an_honest_zip_passes_however_it_is_read(case: str, reader: Reader) -> None:
    assert zip_gate.check(reader(FINE[case]()), "main.handler", "python3.11") > 0


def test_an_upload_that_is_exchanged_while_it_is_read_is_refused(bucket: tuple[Any, str]) -> None:
    s3, name = bucket
    s3.put_object(Bucket=name, Key="exchanged", Body=FINE["plain"](), ContentType="application/zip")
    stored = open_object(s3, name, "exchanged")
    s3.put_object(Bucket=name, Key="exchanged", Body=FINE["stored"](), ContentType="application/zip")

    with pytest.raises(InvalidParameterError, match="changed while it was checked"):
        zip_gate.check(stored, "main.handler", "python3.11")


def test_an_upload_that_never_came_is_named(bucket: tuple[Any, str]) -> None:
    with pytest.raises(InvalidParameterError, match=r"NoSuchKey.*nothing at never"):
        open_object(*bucket, "never")
