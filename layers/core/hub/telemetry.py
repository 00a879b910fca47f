"""Logs, metrics and traces: one JSON line a request, metrics in the embedded metric format inside it."""

import gc
import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

Handler = Callable[[Any, Any], Any]
R = TypeVar("R")

NAMESPACE = "Hub"


@cache
def logger() -> Logger:
    """The function's logger; its service is `POWERTOOLS_SERVICE_NAME`."""
    return Logger(utc=True, use_rfc3339=True)


@cache
def metrics() -> Metrics:
    """The function's metrics; they leave with the log, at no call. Each deployment has a namespace of its own."""
    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE))


def count(name: str, value: float = 1) -> None:
    """Add to a count that an operator watches."""
    metrics().add_metric(name, MetricUnit.Count, value)


def lambda_handler(handler: Handler) -> Handler:
    """Make a function a Lambda handler: request id in its logs, its metrics flushed, traced if asked for."""
    watched = handler
    if os.environ.get("TRACING") == "Active":
        from aws_lambda_powertools.tracing import Tracer

        watched = Tracer().capture_lambda_handler(watched, capture_response=False)

    @wraps(handler)
    def invoke(event: Any, context: Any) -> Any:
        logger().append_keys(function_request_id=getattr(context, "aws_request_id", None))
        try:
            return watched(event, context)
        finally:
            if metrics().metric_set:
                metrics().flush_metrics()

    # A module with a handler ends here: its imports are done, what they made is for good (see `hub/__init__.py`).
    gc.freeze()
    gc.enable()
    return invoke
