"""Cookie cache, chat token, and the Authorization header."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from contracts.queries import GetConversation
from identity import ChatTokens, InvalidToken, open_verifier, read_bearer, www_authenticate
from identity.testing import CHAT_SECRET, NOW, SECRET, Issuer, StillClock, claims, ed25519_key, settings


def cookie(**changes: Any) -> dict[str, Any]:
    """The payload of better-auth 1.7's session_data cookie."""
    good = {
        "session": {"id": "s1", "token": "tok", "userId": "alice", "expiresAt": "2027-01-01T00:00:00.000Z"},
        "user": {"id": "alice", "email": "alice@example.com", "name": "Alice"},
        "updatedAt": NOW * 1000,
        "version": "1",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


COOKIE_CACHE = {"jwt_verifier": "cookie_cache", "better_auth_secret": SECRET}


async def test_a_session_cookie_cache_is_accepted(clock: StillClock) -> None:
    # jose's SignJWT as Better Auth calls it sets no typ.
    token = jwt.encode(cookie(), SECRET, "HS256", headers={"typ": None})
    assert "typ" not in jwt.get_unverified_header(token)
    async with open_verifier(settings(**COOKIE_CACHE)) as verifier:
        principal = await verifier.verify(token)
    assert (principal.user_id, principal.scope) == ("alice", "full")
    assert principal.expires_at.timestamp() == NOW + 300


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"session": None}, "token_claim_invalid"),
        ({"user": None}, "token_claim_invalid"),
        ({"user": {"id": "bob"}}, "token_claim_invalid"),
        ({"user": {"id": ""}}, "token_claim_invalid"),
        ({"session": {"userId": "alice"}}, "token_claim_invalid"),
        ({"session": {"userId": "alice", "expiresAt": "2020-01-01T00:00:00.000Z"}}, "token_expired"),
        ({"iss": "natter"}, "token_audience_wrong"),
        ({"aud": "natter"}, "token_audience_wrong"),
        ({"exp": NOW - 31, "iat": NOW - 331}, "token_expired"),
        ({"exp": None}, "token_claim_invalid"),
    ],
)
async def test_a_wrong_cookie_cache_is_refused(changes: dict[str, Any], code: str, clock: StillClock) -> None:
    async with open_verifier(settings(**COOKIE_CACHE)) as verifier:
        with pytest.raises(InvalidToken, match=code):
            await verifier.verify(jwt.encode(cookie(**changes), SECRET, "HS256"))


async def test_a_verification_mail_or_an_access_token_is_no_cookie_cache(clock: StillClock) -> None:
    mail = jwt.encode({"email": "alice@example.com", "iat": NOW, "exp": NOW + 60}, SECRET, "HS256")
    typed = jwt.encode(cookie(), SECRET, "HS256", headers={"typ": "better-auth.session-cache+jwt"})
    async with open_verifier(settings(**COOKIE_CACHE)) as verifier:
        for token, code in ((mail, "claim"), (jwt.encode(claims(), SECRET, "HS256"), "audience"), (typed, "type")):
            with pytest.raises(InvalidToken, match=code):
                await verifier.verify(token)


SIGNED: dict[str, Any] = {
    "iss": "http://127.0.0.1:3000",
    "aud": "better-auth:session-cache",
    "sub": "alice",
    "sid": "tok",
}


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({}, "better-auth.session-cache+jwt", None),
        ({}, "JWT", "token_type_wrong"),
        ({}, None, "token_type_wrong"),
        ({"iss": "http://evil.example"}, "better-auth.session-cache+jwt", "token_issuer_wrong"),
        ({"aud": "natter"}, "better-auth.session-cache+jwt", "token_audience_wrong"),
        ({"sub": "bob"}, "better-auth.session-cache+jwt", "token_claim_invalid"),
        ({"sid": "other"}, "better-auth.session-cache+jwt", "token_claim_invalid"),
    ],
)
async def test_the_signed_cookie_cache_names_type_issuer_and_audience(
    changes: dict[str, Any], kind: str | None, code: str | None, clock: StillClock, issuer: Issuer
) -> None:
    key = ed25519_key()
    issuer.keys = [key.public_jwk]
    values = settings(jwt_verifier="cookie_cache", jwt_jwks_url=issuer.url, jwt_issuer="http://127.0.0.1:3000")
    token = key.sign(cookie(**{**SIGNED, **changes}), typ=kind)
    async with open_verifier(values) as verifier:
        if code is None:
            assert (await verifier.verify(token)).user_id == "alice"
            return
        with pytest.raises(InvalidToken, match=code):
            await verifier.verify(token)


async def test_a_chat_token_is_for_its_user_and_conversation(clock: StillClock, issuer: Issuer) -> None:
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        bound = verifier.chat.mint("alice", "conv_1")
        principal = await verifier.verify(bound.client_secret)
        assert (principal.user_id, principal.scope, principal.conversation_id) == ("alice", "chat", "conv_1")
        assert principal.token_id == bound.session_id
        assert principal.expires_at == bound.expires_at
        assert (await verifier.verify(verifier.chat.mint("bob").client_secret)).conversation_id is None
        clock.now += 600
        with pytest.raises(InvalidToken, match="token_expired"):
            await verifier.verify(bound.client_secret)


async def test_the_other_secrets_mint_no_chat_token(clock: StillClock) -> None:
    values = settings(jwt_verifier="hs256", better_auth_secret=SECRET)
    forged = ChatTokens(SECRET.encode()).mint("alice").client_secret
    chat_claims = claims(iss="natter-chat", aud="natter-chat", jti="sess_1")
    as_access = jwt.encode(claims(), CHAT_SECRET, "HS256")
    wrong_party = jwt.encode(claims(jti="sess_1"), CHAT_SECRET, "HS256", headers={"typ": "natter-chat+jwt"})
    untyped = jwt.encode(chat_claims, CHAT_SECRET, "HS256")
    unbound = jwt.encode(
        {**chat_claims, "conversation_id": 5}, CHAT_SECRET, "HS256", headers={"typ": "natter-chat+jwt"}
    )
    async with open_verifier(values) as verifier:
        for token in (forged, as_access, untyped):
            with pytest.raises(InvalidToken, match="token_signature_invalid"):
                await verifier.verify(token)
        with pytest.raises(InvalidToken, match="token_issuer_wrong"):
            await verifier.verify(wrong_party)
        for bad in (unbound, ChatTokens(CHAT_SECRET.encode()).mint("alice", "conv.>").client_secret):
            with pytest.raises(InvalidToken, match="token_claim_invalid"):
                await verifier.verify(bad)


async def test_a_token_lives_a_day_at_most(clock: StillClock) -> None:
    day = 24 * 60 * 60
    async with open_verifier(settings(jwt_verifier="hs256", better_auth_secret=SECRET)) as verifier:
        whole_day = jwt.encode(claims(iat=int(clock.now), exp=int(clock.now) + day), SECRET, "HS256")
        assert (await verifier.verify(whole_day)).user_id
        with pytest.raises(InvalidToken, match="token_lifetime_too_long"):
            await verifier.verify(jwt.encode(claims(iat=int(clock.now), exp=int(clock.now) + day + 1), SECRET, "HS256"))


def test_only_the_declared_principal_travels(clock: StillClock) -> None:
    tokens = ChatTokens(CHAT_SECRET.encode())
    principal = tokens.verify(tokens.mint("alice", "conv_1").client_secret)
    message = GetConversation(principal=principal, conversation_id="conv_1")
    sent = GetConversation.decode(message.encode()).principal
    assert sent.model_dump() == {"user_id": "alice", "scope": "chat", "conversation_id": "conv_1"}
    assert b"expires_at" not in message.encode()


def test_a_chat_token_is_as_old_as_the_token_that_it_was_given_for(clock: StillClock) -> None:
    tokens = ChatTokens(CHAT_SECRET.encode())
    proven_at = datetime.fromtimestamp(clock.now - 300, UTC)
    assert tokens.verify(tokens.mint("alice", proven_at=proven_at).client_secret).issued_at == proven_at
    assert tokens.verify(tokens.mint("alice").client_secret).issued_at.timestamp() == int(clock.now)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic dXNlcg==", "token abc", "bearerabc"])
def test_a_request_without_a_bearer_token_is_told_so(header: str | None) -> None:
    with pytest.raises(InvalidToken) as caught:
        read_bearer(header)
    assert caught.value.code == "token_missing"
    assert www_authenticate(caught.value) == 'Bearer realm="natter"'


def test_the_scheme_is_case_insensitive() -> None:
    assert read_bearer("bEaReR abc") == "abc"
    challenge = www_authenticate(InvalidToken("token_expired", "exp is in the past"))
    assert challenge == 'Bearer realm="natter", error="invalid_token", error_description="token_expired"'
