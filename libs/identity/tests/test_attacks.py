"""The attacks on JWT verification that RFC 8725 and the history of JWT libraries name, one test each."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity import InvalidToken, open_verifier
from identity.testing import NOW, SECRET, Issuer, SigningKey, StillClock, claims, ed25519_key, p256_key, settings
from identity.token import TOKEN_BYTES_MAX


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs256(header: Any, payload: Any, secret: bytes = SECRET.encode()) -> str:
    """A token signed by hand, so that it can be as wrong as it likes."""
    signing_input = f"{part(header)}.{part(payload)}"
    return f"{signing_input}.{part(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"


async def refusal_of(token: str, clock: StillClock, **values: Any) -> str:
    async with open_verifier(settings(**values)) as verifier:
        with pytest.raises(InvalidToken) as caught:
            await verifier.verify(token)
    assert len(token) < 8 or token not in str(caught.value)
    return caught.value.code


HS256 = {"jwt_verifier": "hs256", "better_auth_secret": SECRET}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
async def test_an_unsigned_token_is_refused(algorithm: str, clock: StillClock) -> None:
    unsigned = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}"
    assert await refusal_of(f"{unsigned}.", clock, **HS256) == "token_malformed"
    assert await refusal_of(f"{unsigned}.AAAA", clock, **HS256) == "token_algorithm_refused"


async def test_a_public_key_is_not_a_shared_secret(clock: StillClock, issuer: Issuer) -> None:
    key = ed25519_key()
    issuer.keys = [key.public_jwk]
    public = key.private.public_key()
    header = {"alg": "HS256", "kid": "ed"}
    for form in (Encoding.PEM, Encoding.DER):
        secret = public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        token = hs256(header, claims(), secret)
        assert await refusal_of(token, clock, jwt_jwks_url=issuer.url) == "token_algorithm_refused"
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert await refusal_of(hs256(header, claims(), raw), clock, jwt_jwks_url=issuer.url) == "token_algorithm_refused"


async def test_a_key_is_bound_to_its_algorithm(clock: StillClock, issuer: Issuer) -> None:
    key = p256_key("k")
    issuer.keys = [key.public_jwk]
    token = ed25519_key("k").sign(claims())
    algorithms = {"jwt_jwks_url": issuer.url, "jwt_algorithms": "EdDSA,ES256"}
    assert await refusal_of(token, clock, **algorithms) == "token_key_unknown"
    assert await refusal_of(key.sign(claims()), clock, jwt_jwks_url=issuer.url) == "token_algorithm_refused"


async def test_a_shared_secret_in_the_key_set_is_not_used(clock: StillClock, issuer: Issuer) -> None:
    issuer.keys = [{"kty": "oct", "kid": "k", "alg": "HS256", "k": part(SECRET.encode())}, ed25519_key().public_jwk]
    token = hs256({"alg": "HS256", "kid": "k"}, claims())
    assert await refusal_of(token, clock, jwt_jwks_url=issuer.url) == "token_algorithm_refused"


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c"])
async def test_a_token_does_not_bring_its_own_key(member: str, clock: StillClock, issuer: Issuer) -> None:
    attacker = ed25519_key("theirs")
    issuer.keys = [ed25519_key().public_jwk]
    offered: dict[str, Any] = {"jwk": attacker.public_jwk, "x5c": ["MIIB"]}
    token = attacker.sign(claims(), **{member: offered.get(member, issuer.url)})
    fetches = issuer.fetches
    assert await refusal_of(token, clock, jwt_jwks_url=issuer.url) == "token_malformed"
    assert issuer.fetches <= fetches + 1  # the fetch at start, none for the token


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], "b64", ["http://example.com/unknown"]])
async def test_a_critical_extension_is_refused(critical: Any, clock: StillClock) -> None:
    token = hs256({"alg": "HS256", "crit": critical, "b64": True, "exp": 1}, claims())
    assert await refusal_of(token, clock, **HS256) == "token_malformed"


async def test_duplicate_members_are_refused(clock: StillClock) -> None:
    body = json.dumps(claims())[:-1].encode()
    assert await refusal_of(hs256({"alg": "HS256"}, body + b', "sub": "bob"}'), clock, **HS256) == "token_malformed"
    header = b'{"alg": "HS256", "alg": "none"}'
    assert await refusal_of(hs256(header, claims()), clock, **HS256) == "token_malformed"
    nested = body + b', "a": {"b": 1, "b": 2}}'
    assert await refusal_of(hs256({"alg": "HS256"}, nested), clock, **HS256) == "token_malformed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "another-service"}, "token_audience_wrong"),
        ({"aud": ["another-service"]}, "token_audience_wrong"),
        ({"aud": None}, "token_audience_wrong"),
        ({"aud": {"natter": 1}}, "token_audience_wrong"),
        ({"aud": "natter.evil"}, "token_audience_wrong"),
        ({"iss": "https://evil.example"}, "token_issuer_wrong"),
        ({"iss": None}, "token_issuer_wrong"),
        ({"iss": ["natter"]}, "token_issuer_wrong"),
        ({"exp": NOW - 31}, "token_expired"),
        ({"exp": None}, "token_claim_invalid"),
        ({"exp": str(int(NOW + 900))}, "token_claim_invalid"),
        ({"exp": True}, "token_claim_invalid"),
        ({"exp": 10**400}, "token_claim_invalid"),
        ({"exp": -1}, "token_claim_invalid"),
        ({"iat": None}, "token_claim_invalid"),
        ({"iat": NOW + 31}, "token_not_yet_valid"),
        ({"iat": NOW, "exp": NOW - 1}, "token_claim_invalid"),
        ({"nbf": NOW + 31}, "token_not_yet_valid"),
        ({"nbf": "soon"}, "token_claim_invalid"),
        ({"sub": None}, "token_claim_invalid"),
        ({"sub": ""}, "token_claim_invalid"),
        ({"sub": 17}, "token_claim_invalid"),
        ({"sub": "a" * 256}, "token_claim_invalid"),
        ({"sub": "alice\x00"}, "token_claim_invalid"),
        ({"sub": "alice\nbob"}, "token_claim_invalid"),
        ({"sub": "\ud800"}, "token_claim_invalid"),
        ({"jti": 5}, "token_claim_invalid"),
    ],
)
async def test_wrong_claims_are_refused(change: dict[str, Any], code: str, clock: StillClock) -> None:
    assert await refusal_of(hs256({"alg": "HS256"}, claims(**change)), clock, **HS256) == code


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b'{"exp": NaN}', b"[" * 4000])
async def test_a_payload_that_is_no_plain_object_is_refused(raw: bytes, clock: StillClock) -> None:
    assert await refusal_of(hs256({"alg": "HS256"}, raw), clock, **HS256) == "token_malformed"


@pytest.mark.parametrize(
    "token",
    ["", "a.b", "a.b.c.d", "a b.c.d", "....", "é.é.é", "a.b.c\n", "a=.b=.c=", "e30.e30.e30", "\x00.\x00.\x00"],
)
async def test_what_is_no_token_is_refused(token: str, clock: StillClock) -> None:
    assert await refusal_of(token, clock, **HS256) in ("token_malformed", "token_algorithm_refused")


@pytest.mark.parametrize("header", [{"alg": 5}, {"alg": None}, {"kid": "k"}])
async def test_a_header_without_an_algorithm_is_refused(header: Any, clock: StillClock) -> None:
    assert await refusal_of(hs256(header, claims()), clock, **HS256) == "token_algorithm_refused"


@pytest.mark.parametrize("header", [{"alg": "HS256", "kid": 7}, {"alg": "HS256", "kid": "k" * 257}])
async def test_a_strange_kid_is_refused(header: Any, clock: StillClock) -> None:
    assert await refusal_of(hs256(header, claims()), clock, **HS256) == "token_malformed"


async def test_a_large_token_is_refused_unread(clock: StillClock) -> None:
    token = hs256({"alg": "HS256"}, claims(padding="x" * TOKEN_BYTES_MAX))
    assert await refusal_of(token, clock, **HS256) == "token_too_large"


async def test_a_changed_token_is_refused(clock: StillClock) -> None:
    header, _, signature = jwt.encode(claims(), SECRET, "HS256").split(".")
    forged = f"{header}.{part(claims(sub='bob'))}.{signature}"
    assert await refusal_of(forged, clock, **HS256) == "token_signature_invalid"
    assert await refusal_of(jwt.encode(claims(), SECRET + "!", "HS256"), clock, **HS256) == "token_signature_invalid"
    assert await refusal_of(f"{header}.{part(claims())}.AAAA", clock, **HS256) == "token_signature_invalid"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_other_algorithms_of_the_secret_are_refused(algorithm: str, clock: StillClock) -> None:
    token = jwt.encode(claims(), SECRET * 2, algorithm)
    assert await refusal_of(token, clock, jwt_verifier="hs256", better_auth_secret=SECRET * 2) == (
        "token_algorithm_refused"
    )


@pytest.mark.parametrize("kind", ["natter-run+jwt", "better-auth.session-cache+jwt", "secevent+jwt", "dpop+jwt"])
async def test_a_token_for_something_else_is_refused(kind: str, clock: StillClock) -> None:
    token = hs256({"alg": "HS256", "typ": kind}, claims())
    assert await refusal_of(token, clock, **HS256) == "token_type_wrong"


async def test_the_verifiers_are_never_mixed(clock: StillClock, issuer: Issuer) -> None:
    key: SigningKey = ed25519_key()
    issuer.keys = [key.public_jwk]
    both = {"jwt_jwks_url": issuer.url, "better_auth_secret": SECRET}
    shared, signed = jwt.encode(claims(), SECRET, "HS256", headers={"kid": "ed"}), key.sign(claims())
    assert await refusal_of(shared, clock, jwt_verifier="jwks", **both) == "token_algorithm_refused"
    assert await refusal_of(signed, clock, jwt_verifier="hs256", **both) == "token_algorithm_refused"
    fetches = issuer.fetches
    await refusal_of(signed, clock, jwt_verifier="hs256", **both)
    assert issuer.fetches == fetches  # the issuer is not even asked
