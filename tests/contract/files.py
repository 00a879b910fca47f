"""Files as a caller has them: announced and uploaded."""

from typing import Any

from tests.conftest import Deployment
from tests.contract import memory

FILES, IMPORTS, EXPORTS = "/v1/files", "/v1/customers/imports", "/v1/customers/exports"


def make(api: Deployment, content: bytes = b"name\na\n", **more: Any) -> dict[str, Any]:
    """Announce and upload a file."""
    answer = api.call("POST", FILES, {"name": "客户.csv", "size": len(content), **more})
    assert answer.status == 201, answer.text
    file = dict(answer.json["data"])
    memory.client("s3").put_object(Bucket="files-bucket", Key=f"files/{api.tenant}/{file['id']}", Body=content)
    return file
