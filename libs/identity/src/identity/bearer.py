"""Bearer tokens in HTTP (RFC 6750): out of the request, and the challenge in the answer."""

from identity.errors import InvalidToken


def read_bearer(authorization: str | None) -> str:
    """The token of an Authorization header. Raises InvalidToken: `token_missing`."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken("token_missing", "send Authorization: Bearer <token>")
    return token


def www_authenticate(error: InvalidToken) -> str:
    """The value of WWW-Authenticate for a 401. A request without a token gets no error in it (RFC 6750, 3.1)."""
    if error.code == "token_missing":
        return 'Bearer realm="natter"'
    return f'Bearer realm="natter", error="invalid_token", error_description="{error.code}"'
