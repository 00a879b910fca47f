"""Certificate signing requests of devices: PKCS #10 in PEM, signed with the key that they ask a certificate for."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from hub.web.validation import refused

_MIN_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)


def checked(text: str) -> str:
    """The request alone, in PEM: what else was pasted with it goes no further. A validator of a field."""
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key, signed = request.public_key(), request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise refused("malformed") from None
    strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)
    )
    if not strong:
        raise refused("weak_key", bits=_MIN_RSA_BITS)
    if not signed:
        raise refused("malformed")
    return request.public_bytes(Encoding.PEM).decode()
