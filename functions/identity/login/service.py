"""What can be done at the sign-in of the API."""

from functions.identity import credentials, sign_in
from functions.identity.credentials import Grant
from functions.identity.login.models import LoggedIn, Login, PasswordChange, Verified
from functions.identity.oauth import tokens
from functions.identity.users import service as users
from functions.identity.users import store
from hub import auth, ids, times
from hub import tokens as signed
from hub.errors import Conflict, Forbidden, Unauthorized
from hub.events import Caller
from hub.store import keys, table

SECONDS = 2_592_000
APP = "login"
SCOPES = {"admin": ["read", "write", "admin"], "member": ["read", "write"]}


def log_in(wanted: Login, address: str, issuer: str) -> LoggedIn:
    """Give a token for a password.

    Raises `Unauthorized` where it is wrong, `TooManyRequests` after too many tries, `Conflict` where the user changes
    at the same time: a password just replaced must not leave a token behind.
    """
    email = wanted.email or store.administrator_email(wanted.tenant)
    user = sign_in.check(wanted.tenant, email, wanted.password, address)
    if user is None:
        raise Unauthorized("wrong_password", code="INVALID_CREDENTIALS")
    grant = Grant(
        tenant=wanted.tenant,
        plan=store.plan(wanted.tenant),
        id=ids.new("gr"),
        app_id=APP,
        client_id=APP,
        user_id=user.id,
        scopes=SCOPES[user.role],
        expires_at=times.now() + SECONDS,
    )
    try:
        table.write(*credentials.new_grant(grant, {}), store.unchanged(wanted.tenant, user))
    except table.ConditionFailed:
        raise Conflict from None
    return {"token": tokens.access_token(grant, issuer, grant.scopes, SECONDS), "expires_in": SECONDS}


def verify(token: str, issuer: str) -> Verified:
    """Tell whether a token is good; reads its grant without counting a request."""
    try:
        claims = signed.verify(token, issuer)
    except Unauthorized:
        return {"valid": False}
    key = keys.credential(auth.grant_credential(claims["grant"]))
    if table.get(table.activity(), key, consistent=True) is None:
        return {"valid": False}
    return {
        "valid": True,
        "expires_at": times.iso_without_zone(claims["exp"]),
        "user_id": claims["sub"],
        "tenant": claims["tenant"],
    }


def change_password(caller: Caller, user_id: str | None, wanted: PasswordChange, address: str) -> None:
    """Change a user's own password and end every token and session of theirs.

    Raises `Forbidden` for a credential that acts for no user, `Unauthorized` where the old password is wrong.
    """
    if user_id is None:
        raise Forbidden("not_signed_in")
    user = store.get(caller.tenant, user_id)
    if sign_in.check(caller.tenant, user.email, wanted.old_password, address) is None:
        raise Unauthorized("wrong_password", code="INVALID_CREDENTIALS")
    users.set_password(caller, user_id, wanted.new_password)
