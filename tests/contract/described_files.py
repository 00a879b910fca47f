"""Files, imports and exports used from end to end, so that what they answer can be held against the description."""

from typing import TYPE_CHECKING

from functions.crm.exports import part
from functions.crm.files import store as files
from functions.crm.imports import page
from local.openapi.examples import EXAMPLES
from tests.contract import memory

if TYPE_CHECKING:
    from tests.contract.test_openapi_answers import Client


def use_files(client: "Client") -> None:
    content = "name,tags\n客户E,\n,b\n".encode()
    made = client("POST /v1/files", EXAMPLES["NewFile"] | {"size": len(content)})["data"]
    client("POST /v1/files", {"name": "a/b", "size": 0})
    for asked in ({}, {"limit": "1"}, {"fields": "id,status", "search": "客户", "size[lt]": "50"}, {"colour": "red"}):
        client("GET /v1/files", query=asked)
    client("POST /v1/customers/imports", {"fileId": made["id"]})
    assert client.exchanges[-1].status == 422
    key = f"files/acme/{made['id']}"
    memory.client("s3").put_object(Bucket="files-bucket", Key=key, Body=content)
    files.note_upload("acme", made["id"], len(content))
    client("GET /v1/files/{file_id}", file_id=made["id"])
    imported = client("POST /v1/customers/imports", EXAMPLES["NewImport"] | {"fileId": made["id"]})["data"]["id"]
    client("POST /v1/customers/imports", {"fileId": "file_none"})
    one = "/v1/customers/imports/{import_id}"
    client(f"GET {one}", import_id=imported)
    page.handler(memory.executions("ImportStateMachine")[-1], None)
    for asked in ({}, {"limit": "1"}, {"fields": "id,failure.reason"}, {"status": "failed"}, {"colour": "red"}):
        client("GET /v1/customers/imports", query=asked)
    for asked in ({}, {"limit": "1", "cursor": ""}, {"limit": "0"}):
        client(f"GET {one}/errors", query=asked, import_id=imported)
    client(f"GET {one}/errors", import_id="import_none")
    exported = client("POST /v1/customers/exports", EXAMPLES["NewExport"])["data"]["id"]
    client("POST /v1/customers/exports", {"query": "colour=red", "fields": ["colour"]})
    state = memory.executions("ExportStateMachine")[-1]
    while part.handler(state, None)["status"] != "ended":
        client("GET /v1/customers/exports/{export_id}", export_id=exported)
    client("GET /v1/customers/exports/{export_id}", export_id=exported)
    for asked in ({}, {"limit": "1"}, {"fields": "id,size"}, {"status": "failed"}, {"colour": "red"}):
        client("GET /v1/customers/exports", query=asked)
    client("DELETE /v1/files/{file_id}", file_id=made["id"])
    client("DELETE /v1/files/{file_id}", file_id=made["id"])
