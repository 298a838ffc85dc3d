"""Signing in without showing the password: what Cognito does of the flow USER_SRP_AUTH.

Secure Remote Password (RFC 5054) as Cognito speaks it: the group of 3072 bits, SHA-256, numbers
hashed as hexadecimal text would be written with a sign, and a key of 16 bytes. Asked by
``cognito``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PRIME = int(  # RFC 3526, section 5
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22"
    "514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6"
    "F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3D"
    "C2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"
    "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E8603"
    "9B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D"
    "B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864"
    "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB31"
    "43DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
_INFO = b"Caldera Derived Key\x01"
_KEY_BYTES = 16


class BadExchangeError(Exception):
    """The client's number would let anybody in."""


class Exchange:
    """One sign-in: what the client is told, and whether its answer shows the password."""

    def __init__(self, pool_id: str, user_id: str, password: str, client_public: str) -> None:
        """``client_public`` is SRP_A, in hexadecimal digits. Raises BadExchangeError."""
        self._pool_name = pool_id.partition("_")[2]
        self._user_id = user_id
        try:
            public_a = int(client_public, 16)
        except ValueError as error:
            raise BadExchangeError("SRP_A is no hexadecimal number") from error
        if public_a % PRIME == 0:
            raise BadExchangeError("SRP_A is nought")
        salt = _signed(secrets.randbits(128))
        identity = hashlib.sha256(f"{self._pool_name}{user_id}:{password}".encode()).digest()
        verifier = pow(GENERATOR, _number(salt + identity), PRIME)
        multiplier = _number(_signed(PRIME) + _signed(GENERATOR))
        private_b = secrets.randbits(1024)
        public_b = (multiplier * verifier + pow(GENERATOR, private_b, PRIME)) % PRIME
        scrambling = _number(_signed(public_a) + _signed(public_b))
        shared = pow(public_a * pow(verifier, scrambling, PRIME), private_b, PRIME)
        extracted = hmac.digest(_signed(scrambling), _signed(shared), "sha256")
        self._key = hmac.digest(extracted, _INFO, "sha256")[:_KEY_BYTES]
        self.salt, self.server_public = salt.hex(), f"{public_b:x}"
        self.secret_block = base64.b64encode(secrets.token_bytes(256)).decode()

    def is_shown(self, signature: str, timestamp: str) -> bool:
        """Whether the client knows the password, by PASSWORD_CLAIM_SIGNATURE and TIMESTAMP."""
        said = f"{self._pool_name}{self._user_id}".encode()
        said += base64.b64decode(self.secret_block) + timestamp.encode()
        expected = base64.b64encode(hmac.digest(self._key, said, "sha256"))
        return hmac.compare_digest(expected, signature.encode())


def _signed(number: int) -> bytes:
    """The number's bytes, with one of nought before it where it would look negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def _number(hashed: bytes) -> int:
    return int.from_bytes(hashlib.sha256(hashed).digest())
