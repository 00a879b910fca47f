"""Makes layers/core/hub/breached_passwords.bin, the passwords that `hub.passwords` refuses.

    uv run --no-project --with zxcvbn==4.5.0 python docs/breached_passwords.py

The source is the frequency list of passwords in zxcvbn (https://pypi.org/project/zxcvbn/, MIT, copyright 2016 Daniel
Wolf; its list is Dropbox's, MIT, copyright 2012-2016 Dan Wheeler and Dropbox, Inc.), which has the most common first.
Taken are the 10,000 most common of those that `hub.passwords` does not refuse for their length already: all of the
list's own first 10,000 are refused one way or the other.
"""

import hashlib
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

FILE = Path(__file__).parents[1] / "layers/core/hub/breached_passwords.bin"
COUNT = 10_000
MIN_LENGTH = 8
PREFIX_BYTES = 5

known = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_LENGTH][:COUNT]
FILE.write_bytes(b"".join(sorted(hashlib.sha256(password.encode()).digest()[:PREFIX_BYTES] for password in known)))
