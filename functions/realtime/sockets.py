"""API Gateway's side of live connections: messages to many of them at once, and their end.

A connection that does not answer holds a thread for its time-out and no other connection.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from hub import aws
from hub.telemetry import count, logger

THREADS = 40

Outcome = Literal["sent", "gone", "lost"]


def send(connection_ids: Sequence[str], messages: Sequence[str]) -> set[str]:
    """Send messages to each connection, in their order; answers with the connections that are gone."""
    if not connection_ids:
        return set()
    outcomes = _together(lambda one: _send(one, messages), connection_ids)
    count("LivePushes", sum(outcome == "sent" for outcome in outcomes))
    count("LivePushesLost", sum(outcome == "lost" for outcome in outcomes))
    return {one for one, outcome in zip(connection_ids, outcomes, strict=True) if outcome == "gone"}


def close(connection_ids: Sequence[str]) -> None:
    """End connections; one that has ended already, or cannot be ended now, changes nothing: its time will be up."""
    if connection_ids:
        _together(_close, connection_ids)


def _together(work: Callable[[str], Outcome], connection_ids: Sequence[str]) -> list[Outcome]:
    aws.live_connections()  # One client for all threads: two that make it at once would make two.
    with ThreadPoolExecutor(min(THREADS, len(connection_ids))) as pool:
        return list(pool.map(work, connection_ids))


def _send(connection_id: str, messages: Sequence[str]) -> Outcome:
    for message in messages:
        outcome = _tried(partial(aws.live_connections().post_to_connection, ConnectionId=connection_id, Data=message))
        if outcome != "sent":
            return outcome
    return "sent"


def _close(connection_id: str) -> Outcome:
    return _tried(partial(aws.live_connections().delete_connection, ConnectionId=connection_id))


def _tried(call: Callable[[], object]) -> Outcome:
    try:
        call()
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 410:
            return "gone"
        logger().warning("a live connection takes no message", extra={"error": error.response["Error"].get("Code")})
        return "lost"
    except BotoCoreError as error:
        logger().warning("a live connection takes no message", extra={"error": type(error).__name__})
        return "lost"
    return "sent"
