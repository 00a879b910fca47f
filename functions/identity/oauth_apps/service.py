"""What can be done with OAuth applications and consents."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from functions.identity import credentials
from functions.identity.oauth_apps import store
from functions.identity.oauth_apps.models import App, AppChange, AppWithSecret, Consent, NewApp, RotatedSecret
from functions.identity.oauth_apps.store import StoredApp, StoredConsent
from hub import audit, auth, ids, times
from hub.errors import Conflict, NotFound, Unprocessable
from hub.events import Caller
from hub.store import table
from hub.store.paging import Page
from hub.web.validation import PageParameters

SECRET_PREFIX = "secret_"  # noqa: S105 - what every secret begins with


def create(caller: Caller, wanted: NewApp) -> AppWithSecret:
    """Register an application; its secret is in the answer and nowhere else."""
    app_id = ids.new("app")
    secret = None if wanted.client_type == "public" else _new_secret()
    now = times.now_ms()
    app = StoredApp(
        tenant=caller.tenant,
        plan=caller.plan,
        id=app_id,
        name=wanted.name,
        description=wanted.description,
        client_id=ids.new("client"),
        client_type=wanted.client_type,
        redirect_uris=wanted.redirect_uris,
        scopes=wanted.scopes,
        secrets=[(auth.credential_hash(secret), 0)] if secret else [],
        created_at=now,
        updated_at=now,
    )
    store.add(app, audit.record("oauth_app.created", caller, app_id, {"name": app.name, "scopes": app.scopes}))
    return {**shown(app), "client_secret": secret}


def listed(tenant: str, query: PageParameters) -> Page[App]:
    """List applications, the newest first."""
    found = store.page(tenant, query.page, query.limit, query.cursor)
    return found.holding(shown(app) for app in found.items)


def get(tenant: str, app_id: str) -> App:
    """Show one application."""
    return shown(store.get(tenant, app_id))


def change(caller: Caller, app_id: str, wanted: AppChange) -> App:
    """Change the fields that were sent. New scopes end the grants, which may hold one that was taken away."""
    changes = wanted.changes()
    before = store.get(caller.tenant, app_id)
    after = _replace(caller, before, "oauth_app.updated", changes)
    if "scopes" in changes and (after.scopes == before.scopes or not set(before.scopes) <= set(after.scopes)):
        # The same scopes again: the change before this one may have failed half way.
        credentials.end_of_app(caller.tenant, app_id)
    return shown(after)


def delete(caller: Caller, app_id: str) -> None:
    """Delete an application and every grant to it."""
    try:
        app = store.get(caller.tenant, app_id)
    except NotFound:
        # The deletion before this one may have failed half way.
        credentials.end_of_app(caller.tenant, app_id)
        raise
    store.remove(app, audit.record("oauth_app.deleted", caller, app_id, {"name": app.name}))
    credentials.end_of_app(caller.tenant, app_id)


def rotate_secret(caller: Caller, app_id: str, overlap_seconds: int) -> RotatedSecret:
    """Give a confidential application a new secret; the old one stays good for the overlap."""
    app = store.get(caller.tenant, app_id)
    if app.client_type == "public":
        raise Unprocessable("public_client_has_no_secret")
    secret = _new_secret()
    ends = times.now() + overlap_seconds
    hashes = [(auth.credential_hash(secret), 0), (app.secrets[0][0], ends)]
    after = _replace(caller, app, "oauth_app.secret_rotated", {"secrets": hashes})
    return {**shown(after), "client_secret": secret, "previous_expires_at": times.iso(ends)}


def consents(tenant: str, user_id: str | None, query: PageParameters) -> Page[Consent]:
    """List what users allow applications: the tenant's, or one user's."""
    found = store.consents(tenant, user_id, query.page, query.limit, query.cursor)
    names = store.names(tenant, {consent.app_id for consent in found.items})
    return found.holding(_shown_consent(consent, names) for consent in found.items)


def revoke_consent(caller: Caller, user_id: str | None, consent_id: str) -> None:
    """Take a consent back: every token that came of it ends. A user may take back only their own."""
    owner, _, app_id = consent_id.partition(".")
    if user_id not in (None, owner):
        raise NotFound
    consent = store.get_consent(caller.tenant, consent_id)
    if consent is None:
        if app_id:
            # The call before this one may have failed half way.
            credentials.end_of_user(caller.tenant, owner, app_id)
        raise NotFound
    told = audit.record("oauth_grant.revoked", caller, consent.id, {"scopes": consent.scopes})
    store.remove_consent(caller.tenant, consent, told)
    credentials.end_of_user(caller.tenant, consent.user_id, consent.app_id)


def revoke_consents(caller: Caller, user_id: str) -> None:
    """Take back all that a user allowed applications; the tokens that came of it are the caller's to end."""
    for consent in store.every_consent(caller.tenant, user_id):
        told = audit.record("oauth_grant.revoked", caller, consent.id, {"scopes": consent.scopes})
        # One that was revoked meanwhile is gone already.
        with suppress(table.ConditionFailed):
            store.remove_consent(caller.tenant, consent, told)


def consent_covers(tenant: str, user_id: str, app_id: str, scopes: Sequence[str]) -> bool:
    """Whether a user allowed an application all of these scopes before."""
    consent = store.get_consent(tenant, store.consent_id(user_id, app_id))
    return consent is not None and set(scopes) <= set(consent.scopes)


def remember_consent(caller: Caller, user_id: str, app_id: str, scopes: Sequence[str]) -> None:
    """Keep what a user allows an application, beside what was allowed before."""
    before = store.get_consent(caller.tenant, store.consent_id(user_id, app_id))
    now = times.now_ms()
    consent = StoredConsent(
        user_id=user_id,
        app_id=app_id,
        scopes=sorted({*scopes, *(before.scopes if before else ())}),
        created_at=before.created_at if before else now,
        updated_at=now,
    )
    store.put_consent(
        caller.tenant, consent, audit.record("oauth_grant.created", caller, consent.id, {"scopes": list(scopes)})
    )


def shown(app: StoredApp) -> App:
    """An application as callers see it."""
    return {
        "id": app.id,
        "name": app.name,
        "description": app.description,
        "client_id": app.client_id,
        "client_type": app.client_type,
        "redirect_uris": app.redirect_uris,
        "scopes": app.scopes,
        "created_at": times.iso(app.created_at / 1000),
        "updated_at": times.iso(app.updated_at / 1000),
    }


def _replace(caller: Caller, before: StoredApp, action: str, changes: dict[str, Any]) -> StoredApp:
    after = replace(before, **changes, updated_at=max(times.now_ms(), before.updated_at + 1))
    told = {name: value for name, value in changes.items() if name != "secrets"}
    try:
        store.replace(after, before.updated_at, audit.record(action, caller, before.id, told))
    except table.ConditionFailed:
        raise Conflict from None
    return after


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def _shown_consent(consent: StoredConsent, names: dict[str, str]) -> Consent:
    return {
        "id": consent.id,
        "user_id": consent.user_id,
        "app_id": consent.app_id,
        "app_name": names.get(consent.app_id, ""),
        "scopes": consent.scopes,
        "created_at": times.iso(consent.created_at / 1000),
        "updated_at": times.iso(consent.updated_at / 1000),
    }
