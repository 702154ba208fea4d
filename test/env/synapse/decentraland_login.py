"""A login type `m.login.decentraland` for Synapse, as homeservers of Decentraland have it: the user is whoever signed
the current time with an auth chain of plain accounts."""

import re
import time
from datetime import datetime

from coincurve import PublicKey
from Crypto.Hash import keccak

ADDRESS = re.compile(r"0x[0-9a-f]{40}")
SIGNATURE = re.compile(r"0x[0-9a-f]{130}", re.IGNORECASE)
DELEGATION = re.compile(r".*\nEphemeral address: (\S+)\nExpiration: (\S+)")
WINDOW_MS = 120_000


class DecentralandLogin:
    def __init__(self, config, api):
        self._api = api
        api.register_password_auth_provider_callbacks(
            auth_checkers={("m.login.decentraland", ("identifier", "timestamp", "auth_chain")): self.check}
        )

    async def check(self, username, login_type, login):
        """The id of the user who may log in, who is registered if need be; None for nobody."""
        address = username.lower()
        timestamp = login["timestamp"]
        if abs(time.time() * 1000 - int(timestamp)) > WINDOW_MS:
            return None
        if not ADDRESS.fullmatch(address) or owner_of(login["auth_chain"], timestamp) != address:
            return None
        user_id = self._api.get_qualified_user_id(address)
        if not await self._api.check_user_exists(user_id):
            await self._api.register_user(address, address)
        return user_id, None


def owner_of(chain, payload):
    """Whose auth chain this is, if every link is signed by the one before and the last signs the payload."""
    signer, *links = chain
    if signer["type"] != "SIGNER" or not links:
        return None
    authority = signer["payload"].lower()
    for link in links:
        if signer_of(link["payload"], link["signature"]) != authority:
            return None
        if link["type"] == "ECDSA_EPHEMERAL":
            delegate, expiration = DELEGATION.fullmatch(link["payload"]).groups()
            if datetime.fromisoformat(expiration.replace("Z", "+00:00")).timestamp() <= time.time():
                return None
            authority = delegate.lower()
        elif link["type"] == "ECDSA_SIGNED_ENTITY":
            authority = link["payload"]
        else:
            return None
    return signer["payload"].lower() if authority == payload else None


def signer_of(text, signature):
    """The address whose key signed the text by personal_sign (EIP-191)."""
    if not SIGNATURE.fullmatch(signature):
        return None
    raw = bytes.fromhex(signature[2:])
    message = text.encode()
    digest = keccak_256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
    key = PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] % 27]), digest, hasher=None)
    return "0x" + keccak_256(key.format(compressed=False)[1:])[-20:].hex()


def keccak_256(data):
    return keccak.new(digest_bits=256, data=data).digest()
