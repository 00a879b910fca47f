"""The bucket of the forwarder: changes that are being written, and backups.

| object | what |
|---|---|
| `changes/<tenant>/<id>.json` | what a change writes, kept for a week at most |
| `backups/<tenant>/<id>.zip` | a backup |
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from hub import aws, settings

_BYTES = "$bytes"

URL_SECONDS = 900
"""How long the address of a download is good for."""


@dataclass(frozen=True)
class BucketSettings:
    """The bucket."""

    forwarding_bucket_name: str


class Gone(Exception):
    """There is no such object."""


@cache
def bucket() -> str:
    """The bucket of this deployment."""
    return settings.load(BucketSettings).forwarding_bucket_name


def write(key: str, content: bytes) -> None:
    """Write an object."""
    aws.s3().put_object(Bucket=bucket(), Key=key, Body=content)


def read(key: str) -> bytes:
    """Read a whole object. Raises `Gone`."""
    try:
        return aws.s3().get_object(Bucket=bucket(), Key=key)["Body"].read()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise Gone from error
        raise


def delete(key: str) -> None:
    """Delete an object; one that is not there is none to delete."""
    aws.s3().delete_object(Bucket=bucket(), Key=key)


def download_url(key: str, name: str) -> str:
    """An address to download a zip from under a name, good for `URL_SECONDS`: a credential, written nowhere."""
    signed: dict[str, Any] = {
        "Bucket": bucket(),
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{name}"',
        "ResponseContentType": "application/zip",
    }
    return aws.s3().generate_presigned_url("get_object", Params=signed, ExpiresIn=URL_SECONDS)


def as_json(value: Any) -> bytes:
    """A value as JSON, bytes in it as `{"$bytes": base64}`."""
    return json.dumps(value, ensure_ascii=False, default=_bytes).encode()


def from_json(content: bytes) -> Any:
    """Read what `as_json` wrote."""
    return json.loads(content, object_hook=_object)


def _bytes(value: bytes) -> dict[str, str]:
    return {_BYTES: base64.b64encode(value).decode()}


def _object(value: dict[str, Any]) -> Any:
    return base64.b64decode(value[_BYTES]) if value.keys() == {_BYTES} else value
