"""Notes which files were uploaded, as the bucket tells it: S3 → FileUploadsQueue → here."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from functions.crm import objects
from functions.crm.files import store
from hub import queues
from hub.telemetry import lambda_handler, logger


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Note the uploads of a batch of S3's messages, told in any order and more than once."""
    messages, broken = queues.read(event)
    for message_id, message in messages.items():
        # S3 sends one without records when it is told of the queue.
        if message.get("Event") == "s3:TestEvent":
            continue
        try:
            for record in message["Records"]:
                _note(record["s3"]["object"])
        except (KeyError, TypeError, ValueError):
            logger().exception("an upload is not what was announced", extra={"message_id": message_id})
            broken.append(message_id)
    return queues.failures(broken)


def _note(uploaded: Mapping[str, Any]) -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html: the key is encoded.
    key = unquote_plus(uploaded["key"])
    _, tenant, file_id = key.split("/")
    try:
        store.note_upload(tenant, file_id, uploaded["size"])
    except objects.Gone:
        # It was deleted while its address was still good: what came after that is not kept either.
        objects.delete(key)
