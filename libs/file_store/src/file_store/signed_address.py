"""Addresses that are signed: who has one may do one thing with one object of S3, for some minutes.

AWS's Signature Version 4 in a query, as its "Authenticating Requests: Using Query Parameters" says it. obstore signs as
well, but neither the headers that an upload has to have nor what a download is answered with.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
UNRESERVED: Final = "-._~"


@dataclass(frozen=True)
class Signer:
    """``bucket_url``: where browsers reach the bucket, with its name in the host or in the path."""

    bucket_url: str
    region: str
    key_id: str
    secret: str

    def address(
        self,
        method: str,
        key: str,
        *,
        seconds: int,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> str:
        """Good for one object, and a request that has exactly these headers."""
        address = urlsplit(f"{self.bucket_url}/{quote(key, safe='/' + UNRESERVED)}")
        made_at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{made_at[:8]}/{self.region}/s3/{TERMINATOR}"
        signed = {"host": address.netloc, **{name.lower(): value.strip() for name, value in (headers or {}).items()}}
        names = ";".join(sorted(signed))
        parameters = {
            **(query or {}),
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.key_id}/{scope}",
            "X-Amz-Date": made_at,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        encoded = "&".join(sorted(f"{_encode(name)}={_encode(value)}" for name, value in parameters.items()))
        lines = [f"{name}:{signed[name]}\n" for name in sorted(signed)]
        request = "\n".join([method, address.path, encoded, "".join(lines), names, "UNSIGNED-PAYLOAD"])
        text = "\n".join([ALGORITHM, made_at, scope, hashlib.sha256(request.encode()).hexdigest()])
        signature = hmac.new(self._key_of(scope), text.encode(), hashlib.sha256).hexdigest()
        return f"{address.scheme}://{address.netloc}{address.path}?{encoded}&X-Amz-Signature={signature}"

    def _key_of(self, scope: str) -> bytes:
        """Of a day, a region and a service: each part of the scope is signed by what came of the one before."""
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def _encode(text: str) -> str:
    return quote(text, safe=UNRESERVED)
