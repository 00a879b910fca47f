"""What attempts tell beyond their own delivery. Trouble with noting it has no delivery sent again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.webhooks import endpoints, health, statistics
from functions.webhooks.endpoints import Endpoint
from functions.webhooks.models import Status
from functions.webhooks.store import StoredWebhook
from hub.errors import Unavailable
from hub.telemetry import count, logger


def learn(webhook: StoredWebhook, endpoint: Endpoint, ended: Sequence[tuple[Mapping[str, Any], Status]]) -> None:
    """Take note of attempts at an endpoint, each with what its delivery is after it.

    What cannot be noted now is lost and counted: `WebhookStatisticsLost` attempts, `WebhookHealthLost` notes.
    """
    with _forgone("WebhookStatisticsLost", len(ended), webhook):
        statistics.add(webhook.tenant, webhook.id, ended)
    with _forgone("WebhookHealthLost", 1, webhook):
        health.learn(webhook, endpoint, [outcome for outcome, _ in ended])


def note_slow(webhook: StoredWebhook, endpoint: Endpoint) -> None:
    """Take note of an endpoint that lets an attempt wait, while it still does."""
    if endpoint.slow:
        return
    with _forgone("WebhookHealthLost", 1, webhook):
        endpoints.change(webhook.tenant, webhook.id, slow=True)


@contextmanager
def _forgone(metric: str, value: int, webhook: StoredWebhook) -> Iterator[None]:
    try:
        yield
    except (Unavailable, BotoCoreError, ClientError):
        place = {"tenant": webhook.tenant, "webhook_id": webhook.id}
        logger().exception("what attempts tell was not noted", extra=place | {"metric": metric})
        count(metric, value)
