"""Opens a ticket when a customer writes one of the words that must not wait: 退款, 投诉, refund.

It acts through the API, by a key of the tenant's own, and so may do what that key may. Of one conversation it opens one
ticket a day: the request's `Idempotency-Key` is of the conversation, and the same request is answered, not done again.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from functions.plugins.builtin.protocol import Builtin, Config
from hub.connectors import calls


class Escalation(Builtin):
    """Reacts to `conversation.message`."""

    def hear(self, event: Mapping[str, Any], config: Config) -> str:
        """Open a ticket of high priority from the conversation in which a customer uses one of the words."""
        data = event["data"]
        if data["sender"]["type"] != "customer":
            return "not a customer's"
        text = data["text"].casefold()
        word = next((word for word in config["keywords"] if word.casefold() in text), None)
        if word is None:
            return "no keyword"
        ticket = {"conversation_id": data["conversation_id"], "priority": config["priority"], "tags": config["tags"]}
        # With what is asked for in it, so that a config that was changed meanwhile makes another request.
        key = hashlib.sha256(repr(sorted(ticket.items())).encode()).hexdigest()
        headers = {"Authorization": f"Bearer {config['api_key']}", "Idempotency-Key": f"escalation-{key}"}
        url = f"{config['hub_url'].rstrip('/')}/v1/tickets"
        answer = calls.call("POST", url, body=ticket, headers=headers, max_bytes=262_144)
        if not answer.ok:
            raise calls.refused(answer, message=answer.fields.get("message"))
        with calls.reading():
            return f"{word}: {answer.fields['data']['id']}"


PLUGIN = Escalation()
