"""`Idempotency-Key`: the same request sent again within 24 h gets the first answer, and is done once.

The record is taken by a conditional write before the work and completed after it, encrypted, because an answer may
show a secret once. A refused request leaves no record. If the function dies or fails between the two, nobody knows
how much was done: the key is free again after a minute.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from hub import secrets, times
from hub.errors import Conflict, FieldError, HubError, InvalidRequest, Unprocessable
from hub.store import keys, table
from hub.web.request import Request

Response = dict[str, Any]

KEEP_SECONDS = 86_400
LOCK_SECONDS = 60

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


def once(request: Request, route: str, work: Callable[[], Response]) -> Response:
    """Do the work of a request at most once for its `Idempotency-Key`; without the header, just do it.

    Raises `Conflict` while the first is under way, `Unprocessable` when the key came with another body.
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return work()
    if not _KEY.match(given):
        raise InvalidRequest(FieldError("Idempotency-Key", "malformed"))
    tenant = request.caller.tenant
    key = keys.idempotency(tenant, _hash(request.caller.actor, route, request.path, given))
    answered = _take(key, _hash(request.body.decode(errors="replace")), tenant)
    if answered is not None:
        answered["headers"] |= {"Idempotency-Replayed": "true", "X-Request-ID": request.request_id}
        return answered
    try:
        response = work()
    except HubError:
        table.write(table.Delete(table.activity(), key))
        raise
    _complete(key, response, tenant)
    return response


def _take(key: keys.Key, body_hash: str, tenant: str) -> Response | None:
    now = times.now()
    # Sealed as well: a plain hash of a short secret, such as a password, could be guessed from a dump of the table.
    sealed = secrets.seal(body_hash, tenant, f"{key['pk']}/body")
    record = {**key, "body_hash": sealed, "locked_until": now + LOCK_SECONDS, "ttl": now + KEEP_SECONDS}
    free = "attribute_not_exists(pk) OR #ttl <= :now OR (attribute_not_exists(#answer) AND #locked_until <= :now)"
    try:
        table.write(table.Put(table.activity(), record, free, {"now": now}))
    except table.ConditionFailed as failure:
        stored = failure.item or {}
    else:
        return None
    if "body_hash" not in stored or secrets.unseal(stored["body_hash"], tenant, f"{key['pk']}/body") != body_hash:
        raise Unprocessable("idempotency_mismatch")
    if "answer" not in stored:
        raise Conflict("idempotency_in_progress", retry_after=1)
    answer: Response = json.loads(secrets.unseal(stored["answer"], tenant, key["pk"]))
    return answer


def _complete(key: keys.Key, response: Response, tenant: str) -> None:
    answer = secrets.seal(json.dumps(response, ensure_ascii=False), tenant, key["pk"])
    table.write(table.Update(table.activity(), key, "SET #answer = :answer", values={"answer": answer}))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
