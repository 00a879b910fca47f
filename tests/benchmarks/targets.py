"""DESIGN's targets ("Speed"), held against what was measured, and why one is missed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.benchmarks.cpu import Timing
from tests.benchmarks.imports import Import
from tests.benchmarks.measure import Sample
from tests.benchmarks.prices import Cost
from tests.benchmarks.scale import Scale

IMPORT_RATIO = 1.35
CPU_MS = 0.12
DELIVERIES = 500
CALLS = 2
"""The counter, and the one read or write that a request is about."""

_CHANGED = "read, then written on condition that nobody changed it meanwhile"
_SCRYPT = "scrypt is meant to take long"
_RSA = "the token's signature is verified"
_RECORDS = "an entity, its event and its audit record become attribute values"
_ORDER = "an order, its index keys and its event become attribute values"
_INDEX = "an index of keys, so that most changes cost no write of it; then the rows at once"
_TICKET = "a ticket, its index keys and its event become attribute values"
_CUSTOMER = "a customer, its index keys and its event become attribute values, and its name an item"
_INDEX = "an index of keys, so that most changes cost no write of it; then the rows at once"
_INTEGRATION = "an integration, its index keys and its event become attribute values; its config is sealed"
_DEVICE_ROUTE = "/v1/iot/devices/{device_id}"
_DEVICE = "a device, its index keys and its event become attribute values; IoT Core's calls are prepared and read"
_COMMAND = "a command and its event become attribute values; the message to the device is prepared"
_ADDRESS = "an address is signed"
_JOB = "the machine's input is written, the item made, and more than two calls prepared and read"
_SHADOW = "the shadow's document is read, with the times of all its values"
_ROW = "every row shown costs its reading and its JSON, about 20 µs a row"
_HOURS = "every hour costs its reading, its percentiles and its JSON"
_QUARTERS = "every quarter of an hour is put into its day of the time zone; the sample has something in each"
_REASONS = {
    "GET /v1/users": "the rows, then their number: as events count them, and by themselves where those are few",
    "POST /v1/webhooks/{webhook_id}/replay": "webhook and the replay before are read, then it is written and started",
    "POST /v1/integrations": "those there are, are counted; then integration and connection in one transaction",
    "GET /v1/integrations (service_type)": "an index of keys, asked for each status; then the rows at once",
    "GET /v1/integrations (status)": _INDEX,
    "PUT /v1/integrations/{integration_id}": _CHANGED,
    "PUT /v1/integrations/{integration_id} (config)": "the same, and what is secret of it is opened and sealed",
    "DELETE /v1/integrations/{integration_id}": "read for its event, then it goes with its connection",
    "POST /v1/integrations/{integration_id}/sync": "integration and running sync are read; then it is started",
    "POST /v1/integrations/{integration_id}/callback": "whose it is, the integration, and whether a sync is asked for",
    "POST /v1/integrations/{integration_id}/callback (the first)": "the same, then the ask is queued, and noted",
    **dict.fromkeys(
        (f"GET /v1/integrations/{{integration_id}}/{one}" for one in ("syncs", "syncs/{sync_id}", "records")),
        "the integration is read first, so that one that is not the caller's is a 404",
    ),
    "GET /v1/integrations/{integration_id}/records (change)": "the same, an index of keys, then the rows at once",
    "GET /api/logs": "an index of keys, so that most changes cost no write of it; then the rows, and their number",
    **dict.fromkeys((f"GET /api/logs ({one})" for one in ("cursor", "failed", "succeeded, a platform")), _INDEX),
    "POST /api/logs/clear": "once at a time: that is noted, then how far it is to come goes to the worker",
    "GET /api/system/status": "accounts, bots, mappings and a day's figures are read for one page",
    "POST /api/system/restart": "the state is read and written, and so is what is told of it",
    "GET /api/health/check": "what it tells of is asked: queue, table, figures",
    "POST /v1/api-keys (Idempotency-Key)": "two writes more, with the header only: the record is taken, then completed",
    "GET /v1/api-keys": "each key shows its usage figures, which stand in its credential's item",
    "GET /v1/api-keys (cursor)": "as by number",
    "GET /v1/api-keys/{api_key_id}": "the usage figures stand in the credential's item, whose place the key tells",
    "PUT /v1/api-keys/{api_key_id}": "read with the figures that it shows, then key and credential in one transaction",
    "DELETE /v1/api-keys/{api_key_id}": "read for its credentials and its event, then all of them in one transaction; "
    "the usage figures are read for nothing",
    "GET /v1/api-keys/{api_key_id}/usage": "key, counters, and the finished hours",
    "POST /v1/api-keys/{api_key_id}/rotate": "read, then key and credentials in one transaction",
    "POST /v1/webhooks": "the quota of 100 webhooks is counted before the write",
    "PUT /v1/webhooks/{webhook_id}": "read, then written on condition that nobody changed it meanwhile",
    "PATCH /v1/webhooks/{webhook_id}": "as PUT",
    "POST /v1/webhooks/{webhook_id}/test": "the webhook is read, and the delivery recorded",
    "GET /v1/webhooks/{webhook_id}/logs": "the webhook is read first, so that one that is not the caller's is a 404",
    "GET /v1/webhooks/{webhook_id}/logs (cursor)": "as by number",
    "GET /v1/webhooks/{webhook_id}/logs (500 rows, page 1)": "as above",
    "GET /v1/webhooks/{webhook_id}/stats": "as the logs",
    "GET /v1/webhooks/{webhook_id}/stats (30 days)": "as the logs",
    "POST /v1/webhooks/{webhook_id}/retry": "the webhook, its failed deliveries, their slots, and the queue",
    "POST /v1/webhooks/{webhook_id}/rotate-secret": _CHANGED,
    "GET /v1/conversations (status)": "an index of keys, so that a message costs no write of it; then the rows at once",
    "GET /v1/conversations (user_id)": "the same of both statuses",
    "GET /v1/conversations (start_time, limit)": "the rows, then their number in the index of each status",
    "PATCH /v1/conversations/{conversation_id}": _CHANGED,
    "POST /v1/conversations/{conversation_id}/messages": "the conversation is read, then written with its message",
    "POST /third-party/{platform}/messages": "the connection is found, then read; then the message is written",
    "GET /third-party/{platform}/messages (status)": _INDEX,
    "POST /third-party/{platform}/contacts/sync": "connections, the sync's item, every page read, written and noted",
    "POST /v1/orders": "the customer's name is read, then the order is written",
    "GET /v1/orders (limit, customerId)": _INDEX,
    "GET /v1/orders (limit, status)": _INDEX,
    "GET /v1/orders (limit, sort)": _INDEX,
    "PATCH /v1/orders/{order_id}": _CHANGED,
    **dict.fromkeys((f"POST /v1/orders/{{order_id}}/{one}" for one in ("pay", "cancel", "refund")), _CHANGED),
    "POST /v1/tickets (from a conversation)": "the customer's question is read, then the ticket is written if its "
    "conversation stands",
    "GET /v1/tickets (status)": _INDEX,
    "GET /v1/tickets (assignee_id)": "the same of all five statuses",
    "PATCH /v1/tickets/{ticket_id}": _CHANGED,
    "PATCH /v1/tickets/{ticket_id} (comment)": _CHANGED,
    "POST /v1/tickets/{ticket_id}/comments": "the ticket is read, then written with its comment",
    "POST /v1/customers/batch": "names are read, then two transactions of fifty customers each",
    "POST /v1/customers/batch (1)": "its name is read first, as others of a batch must not fail for it",
    "GET /v1/customers (limit, industry)": _INDEX,
    "GET /v1/customers (limit, sort=amount)": "the same, and who has no amount comes last",
    "GET /v1/customers (limit, sort=name)": "the names, which stand by themselves; then the rows at once",
    "PUT /v1/customers/{customer_id}": _CHANGED,
    "PATCH /v1/customers/{customer_id}": _CHANGED,
    "PATCH /v1/customers/{customer_id} (name)": _CHANGED,
    "DELETE /v1/customers/{customer_id}": "read for its name and its event, then deleted with its name",
    "DELETE /v1/files/{file_id}": "read first, so that one that is not the caller's is a 404; then content and item go",
    "POST /v1/customers/imports": "the file is read and looked for, those at work are counted; then it is started",
    "POST /v1/customers/exports": "customers are counted and those at work; then it is written and started",
    **dict.fromkeys(
        ("POST /v1/iot/devices", "POST /v1/iot/devices (csr)", f"POST {_DEVICE_ROUTE}/certificates"),
        "IoT Core makes the certificate, then attaches and activates it once the item names it",
    ),
    "GET /v1/iot/devices (limit, type)": _INDEX,
    f"PUT {_DEVICE_ROUTE}": _CHANGED,
    f"PATCH {_DEVICE_ROUTE}": _CHANGED,
    f"DELETE {_DEVICE_ROUTE}": "IoT Core is asked to undo each step by itself, then the item goes",
    f"DELETE {_DEVICE_ROUTE}/certificates/{{certificate_id}}": "the same, and the device read and written",
    f"GET {_DEVICE_ROUTE}/shadow": "the device is read first, so that one that is not the caller's is a 404",
    f"PATCH {_DEVICE_ROUTE}/shadow": "the same, and the whole shadow read after the change",
    f"POST {_DEVICE_ROUTE}/commands": "the device is read, the command written, published, and noted as sent",
    f"POST {_DEVICE_ROUTE}/commands (offline)": "the device is read, what waits for it counted, the command written "
    "and published",
    f"GET {_DEVICE_ROUTE}/commands": "the device is read first, so that one that is not the caller's is a 404",
    f"GET {_DEVICE_ROUTE}/commands (cursor)": "as by number",
    f"GET {_DEVICE_ROUTE}/alerts": "as the commands",
    "GET /v1/statistics (366 days)": "a megabyte of hours is read at a time; every one of them has all there can be",
    "PUT /v1/users/{user_id}": _CHANGED,
    "PATCH /v1/users/{user_id}": _CHANGED,
    "DELETE /v1/users/{user_id}": "read, deleted with its email, then what acted for the user is looked for and ended",
    "PUT /v1/oauth/apps/{app_id}": _CHANGED,
    "DELETE /v1/oauth/apps/{app_id}": "read, deleted with its client id, then its grants are looked for and ended",
    "POST /v1/oauth/apps/{app_id}/rotate-secret": _CHANGED,
    "DELETE /v1/oauth/grants/{grant_id}": "read, deleted, then the tokens that came of it are looked for and ended",
    **dict.fromkeys(("POST /oauth/token", "POST /v1/oauth/token"), "client, application, the new grant, KMS to sign"),
    **dict.fromkeys(("POST /oauth/revoke", "POST /v1/oauth/revoke"), "client, application, grant, and its end"),
    **dict.fromkeys(("POST /oauth/introspect", "POST /v1/oauth/introspect"), "client, application and grant"),
    "POST /api/auth/login": "tries are counted by address and account, then email, user, tenant, grant, KMS to sign",
    "POST /api/auth/change-password": "a sign-in, a change, and the end of what acted for the user",
}
_CPU_REASONS = {
    **dict.fromkeys(("POST /v1/integrations", "DELETE /v1/integrations/{integration_id}"), _INTEGRATION),
    **dict.fromkeys((f"PUT /v1/integrations/{{integration_id}}{one}" for one in ("", " (config)")), _INTEGRATION),
    "POST /v1/integrations/{integration_id}/sync": _JOB,
    **dict.fromkeys((f"GET /v1/integrations{one}" for one in ("", " (service_type)", " (status)")), _ROW),
    **dict.fromkeys((f"GET /v1/integrations/{{integration_id}}/{one}" for one in ("syncs", "records")), _ROW),
    "GET /v1/integrations/{integration_id}/records (change)": _ROW,
    **dict.fromkeys(
        (f"GET /api/logs{one}" for one in ("", " (cursor)", " (failed)", " (succeeded, a platform)")), _ROW
    ),
    "POST /v1/api-keys": "a secret is made, and two items with their event become attribute values",
    "POST /v1/api-keys (Idempotency-Key)": "the same, and the answer encrypted for its record",
    "GET /v1/api-keys": _ROW,
    "GET /v1/api-keys (cursor)": _ROW,
    "GET /v1/api-keys/{api_key_id}/usage": "a series of 24 hours is made",
    "POST /v1/api-keys/{api_key_id}/rotate": "a new secret and four items of a transaction",
    "PUT /v1/api-keys/{api_key_id}": "four calls to prepare and to read",
    "DELETE /v1/api-keys/{api_key_id}": "reads the usage figures although it shows none",
    "POST /v1/webhooks": "the secret is made and encrypted, the target's address checked",
    "GET /v1/webhooks": _ROW,
    "POST /v1/webhooks/{webhook_id}/test": "the event is signed and really sent over loopback HTTP",
    "GET /v1/webhooks/{webhook_id}/logs": _ROW,
    "GET /v1/webhooks/{webhook_id}/logs (cursor)": _ROW,
    "GET /v1/webhooks/{webhook_id}/logs (500 rows, page 1)": "a numbered page reads a whole megabyte to count the rows",
    "GET /v1/webhooks/{webhook_id}/stats": _HOURS,
    "GET /v1/webhooks/{webhook_id}/stats (30 days)": _HOURS,
    "POST /v1/webhooks/{webhook_id}/retry": "ten deliveries are read, get their slots, and are queued",
    "PUT /v1/webhooks/{webhook_id}": "three calls to prepare and to read",
    "PATCH /v1/webhooks/{webhook_id}": "three calls to prepare and to read",
    "POST /v1/webhooks/{webhook_id}/rotate-secret": "the same, and a secret is made and encrypted",
    "POST /v1/users": _RECORDS,
    "GET /v1/users": _ROW,
    "PUT /v1/users/{user_id}": _RECORDS,
    "PATCH /v1/users/{user_id}": _RECORDS,
    "DELETE /v1/users/{user_id}": _RECORDS,
    "POST /v1/oauth/apps": _RECORDS,
    "PUT /v1/oauth/apps/{app_id}": _RECORDS,
    "DELETE /v1/oauth/apps/{app_id}": _RECORDS,
    "POST /v1/oauth/apps/{app_id}/rotate-secret": _RECORDS,
    "DELETE /v1/oauth/grants/{grant_id}": _RECORDS,
    **dict.fromkeys(("POST /oauth/token", "POST /v1/oauth/token"), "a token and three items are written"),
    **dict.fromkeys(("POST /oauth/revoke", "POST /v1/oauth/revoke"), _RSA),
    **dict.fromkeys(("POST /oauth/introspect", "POST /v1/oauth/introspect"), _RSA),
    **dict.fromkeys(("GET /oauth/authorize", "GET /v1/oauth/authorize"), "a page is made"),
    "POST /v1/orders": _ORDER,
    "PATCH /v1/orders/{order_id}": _ORDER,
    **dict.fromkeys((f"POST /v1/orders/{{order_id}}/{one}" for one in ("pay", "cancel", "refund")), _ORDER),
    **dict.fromkeys((f"GET /v1/orders ({one})" for one in ("page", "limit", "limit, customerId")), _ROW),
    **dict.fromkeys((f"GET /v1/orders (limit, {one})" for one in ("status", "sort")), _ROW),
    "POST /v1/tickets": _TICKET,
    "POST /v1/tickets (from a conversation)": _TICKET,
    **dict.fromkeys(("GET /v1/tickets", "GET /v1/tickets (cursor)", "GET /v1/tickets (status)"), _ROW),
    "GET /v1/tickets (assignee_id)": _ROW,
    "PATCH /v1/tickets/{ticket_id}": _TICKET,
    "PATCH /v1/tickets/{ticket_id} (comment)": _TICKET,
    "POST /v1/tickets/{ticket_id}/comments": _TICKET,
    "GET /v1/tickets/{ticket_id}/comments": _ROW,
    **dict.fromkeys(("POST /v1/customers", "PUT /v1/customers/{customer_id}"), _CUSTOMER),
    **dict.fromkeys((f"PATCH /v1/customers/{{customer_id}}{note}" for note in ("", " (name)")), _CUSTOMER),
    "DELETE /v1/customers/{customer_id}": _CUSTOMER,
    "POST /v1/customers/batch": "a hundred customers, each as above",
    "POST /v1/customers/batch (1)": _CUSTOMER,
    "GET /v1/customers": _ROW,
    **dict.fromkeys(
        (f"GET /v1/customers (limit{more})" for more in ("", ", industry", ", sort=amount", ", sort=name", ", search")),
        _ROW,
    ),
    **dict.fromkeys(
        (
            "POST /v1/iot/devices",
            f"PUT {_DEVICE_ROUTE}",
            f"PATCH {_DEVICE_ROUTE}",
            f"DELETE {_DEVICE_ROUTE}",
            f"POST {_DEVICE_ROUTE}/certificates",
            f"DELETE {_DEVICE_ROUTE}/certificates/{{certificate_id}}",
        ),
        _DEVICE,
    ),
    **dict.fromkeys(("POST /v1/files", "GET /v1/files/{file_id}"), _ADDRESS),
    "GET /v1/customers/exports/{export_id}": _ADDRESS,
    **dict.fromkeys(("POST /v1/customers/imports", "POST /v1/customers/exports"), _JOB),
    **dict.fromkeys(("GET /v1/files", "GET /v1/customers/imports", "GET /v1/customers/exports"), _ROW),
    "GET /v1/customers/imports/{import_id}/errors": "bad rows stand fifty to an item, and each shown is worded",
    "POST /v1/iot/devices (csr)": "the same, and the signature of the request is verified",
    **dict.fromkeys((f"GET /v1/iot/devices{note}" for note in ("", " (limit)", " (limit, type)")), _ROW),
    **dict.fromkeys((f"POST {_DEVICE_ROUTE}/commands{note}" for note in ("", " (offline)")), _COMMAND),
    **dict.fromkeys((f"GET {_DEVICE_ROUTE}/{one}" for one in ("commands", "commands (cursor)", "alerts")), _ROW),
    f"GET {_DEVICE_ROUTE}/shadow": _SHADOW,
    f"PATCH {_DEVICE_ROUTE}/shadow": _SHADOW,
    **dict.fromkeys(("GET /v1/statistics", "GET /v1/statistics (366 days)"), _QUARTERS),
    "POST /api/auth/login": _SCRYPT,
    "POST /api/auth/verify": _RSA,
    "POST /api/auth/change-password": _SCRYPT,
}
_COST_REASONS = {
    "forwarded message": "two dollars of it are the callback's request, which several mappings share, and the event on "
    "the bus; the rest is one write with its index, the FIFO queue, and the wait for the target",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was measured; `reason` where it is missed."""

    target: str
    measured: str
    met: bool
    reason: str = ""


def verdicts(
    samples: Iterable[Sample],
    timings: Mapping[str, Timing],
    imports: Iterable[Import],
    costs: Iterable[Cost],
    scales: Iterable[Scale],
) -> list[Verdict]:
    """Every target, met or not."""
    requests = [sample for sample in samples if sample.is_endpoint]
    made = [_calls(sample) for sample in requests]
    made += [_cpu(sample, timings[sample.name]) for sample in requests]
    made += [_import(one) for one in imports if one.is_endpoint]
    made += [_cost(cost) for cost in costs if cost.target is not None]
    made.append(_delivery(timings["deliver, 10 messages"]))
    return made + [_scale(scale) for scale in scales]


def deliveries_a_second(milliseconds: float) -> float:
    """Of one vCPU, from the CPU time of a batch of ten."""
    return 10 * 1000 / milliseconds


def _calls(sample: Sample) -> Verdict:
    number = len(sample.steady.made)
    return _verdict(
        f"{sample.name}: at most {CALLS} AWS calls", str(number), number <= CALLS, _REASONS.get(sample.name)
    )


def _cpu(sample: Sample, timing: Timing) -> Verdict:
    met = timing.without_aws <= CPU_MS
    return _verdict(
        f"{sample.name}: at most {CPU_MS} ms of CPU", f"{timing.without_aws:.3f} ms", met, _CPU_REASONS.get(sample.name)
    )


def _import(one: Import) -> Verdict:
    met = one.cpu_ratio <= IMPORT_RATIO
    return _verdict(f"{one.name}: import at most {IMPORT_RATIO} times boto3's", f"{one.cpu_ratio:.2f}", met, None)


def _cost(cost: Cost) -> Verdict:
    assert cost.target is not None
    met = cost.total <= cost.target
    name = f"{cost.name}: at most ${cost.target:.2f} a million"
    return _verdict(name, f"${cost.total:.2f}", met, _COST_REASONS.get(cost.name))


def _delivery(timing: Timing) -> Verdict:
    rate = deliveries_a_second(timing.with_botocore)
    return _verdict(
        f"at least {DELIVERIES} signed deliveries a second of one vCPU", f"{rate:.0f}", rate >= DELIVERIES, None
    )


def _scale(scale: Scale) -> Verdict:
    few, many = scale.calls
    measured = f"{len(few.made)} calls, {few.read_units:g} RRU; {len(many.made)} calls, {many.read_units:g} RRU"
    sizes = " and ".join(f"{rows:,}" for rows in scale.rows)
    return _verdict(f"{scale.name}: the same at {sizes} rows", measured, scale.met, scale.note or None)


def _verdict(target: str, measured: str, met: bool, reason: str | None) -> Verdict:
    return Verdict(target, measured, met, "" if met else reason or "not looked into yet")
