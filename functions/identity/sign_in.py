"""Signing in with email and password: throttled, and the same for a wrong password and an unknown email."""

from functions.identity.users import store
from functions.identity.users.store import StoredUser
from hub import passwords, throttle

PER_ACCOUNT_AND_ADDRESS = 10
PER_ACCOUNT = 100
PER_ADDRESS = 100
"""Tries in 15 minutes; a success clears the account's. Few for an account from one address, more from all together:
who knows an email must not be able to keep its owner out with ten wrong passwords."""


def check(tenant: str, email: str, password: str, address: str) -> StoredUser | None:
    """The user whose email and password these are, if active. Raises `TooManyRequests`."""
    account = f"{tenant}\0{email.lower()}"
    throttle.attempt("sign-in address", address, PER_ADDRESS)
    throttle.attempt("sign-in account from", f"{account}\0{address}", PER_ACCOUNT_AND_ADDRESS)
    throttle.attempt("sign-in account", account, PER_ACCOUNT)
    user = store.by_email(tenant, email)
    if not passwords.is_password(password, user.password if user else None):
        return None
    if user is None or user.status != "active":
        return None
    throttle.forgive("sign-in account from", f"{account}\0{address}")
    throttle.forgive("sign-in account", account)
    if user.password and passwords.needs_rehash(user.password):
        store.rehash(tenant, user, passwords.hash_password(password))
    return user
