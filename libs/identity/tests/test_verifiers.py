"""What the verifiers accept, and how the keys of an issuer come, stay and go."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from contracts.errors import Code
from identity import InvalidToken, KeysUnavailable, jwks, open_verifier
from identity.local_issuer import LocalIssuer
from identity.testing import (
    NOW,
    SECRET,
    Issuer,
    SigningKey,
    StillClock,
    claims,
    ed25519_key,
    p256_key,
    rsa_key,
    settings,
)
from pydantic import ValidationError


async def test_a_token_of_better_auth_is_accepted(clock: StillClock, issuer: Issuer) -> None:
    key = ed25519_key()
    issuer.keys = [key.public_jwk]
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        principal = await verifier.verify(key.sign(claims(sub="usr *>. é", jti="t1"), typ=None))
    assert (principal.user_id, principal.scope, principal.conversation_id) == ("usr *>. é", "full", None)
    assert principal.expires_at == datetime.fromtimestamp(NOW + 900, UTC)
    assert principal.token_id == "t1"


@pytest.mark.parametrize("make_key", [p256_key, rsa_key])
async def test_other_algorithms_are_accepted_if_configured(make_key: Any, clock: StillClock, issuer: Issuer) -> None:
    key: SigningKey = make_key()
    issuer.keys = [ed25519_key().public_jwk, key.public_jwk]
    values = settings(jwt_jwks_url=issuer.url, jwt_algorithms="EdDSA, ES256,RS256")
    async with open_verifier(values) as verifier:
        assert (await verifier.verify(key.sign(claims(aud=["other", "natter"])))).user_id == "alice"


async def test_weak_and_foreign_keys_of_a_set_are_left_out(clock: StillClock, issuer: Issuer) -> None:
    weak, encrypting, good = rsa_key("weak", 1024), rsa_key("enc"), rsa_key("good")
    issuer.keys = [weak.public_jwk, {**encrypting.public_jwk, "use": "enc"}, {"kty": "OKP"}, good.public_jwk]
    values = settings(jwt_jwks_url=issuer.url, jwt_algorithms="RS256")
    async with open_verifier(values) as verifier:
        assert (await verifier.verify(good.sign(claims()))).user_id == "alice"
        for key in (encrypting,):
            with pytest.raises(InvalidToken, match="token_key_unknown"):
                await verifier.verify(key.sign(claims()))
        with pytest.warns(match="RSA key is 1024 bits"):
            token = weak.sign(claims())
        with pytest.raises(InvalidToken, match="token_key_unknown"):
            await verifier.verify(token)


async def test_of_two_keys_with_one_kid_the_first_counts(clock: StillClock, issuer: Issuer) -> None:
    first, second = ed25519_key("same"), ed25519_key("same")
    issuer.keys = [first.public_jwk, second.public_jwk]
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        assert (await verifier.verify(first.sign(claims()))).user_id == "alice"
        with pytest.raises(InvalidToken, match="token_signature_invalid"):
            await verifier.verify(second.sign(claims()))


async def test_a_new_key_is_found_once_per_cooldown(clock: StillClock, issuer: Issuer) -> None:
    old, new = ed25519_key("old"), ed25519_key("new")
    issuer.keys = [old.public_jwk]
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        clock.now += 31
        refused = [verifier.verify(ed25519_key(f"k{n}").sign(claims())) for n in range(50)]
        outcomes = await asyncio.gather(*refused, return_exceptions=True)
        assert all(isinstance(outcome, InvalidToken) for outcome in outcomes)
        assert issuer.fetches == 2  # at the start, and once for fifty unknown kids
        issuer.keys = [new.public_jwk]
        with pytest.raises(InvalidToken, match="token_key_unknown"):
            await verifier.verify(new.sign(claims()))
        clock.now += 31
        assert (await verifier.verify(new.sign(claims()))).user_id == "alice"
        assert issuer.fetches == 3


async def test_keys_are_kept_when_the_issuer_is_away(clock: StillClock, issuer: Issuer) -> None:
    key = ed25519_key()
    issuer.keys = [key.public_jwk]
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        issuer.status = 503
        for _ in range(5):
            clock.now += 601
            assert (await verifier.verify(key.sign(claims(exp=clock.now + 60)))).user_id == "alice"
            await asyncio.sleep(0.05)  # the refresh in the background
        assert issuer.fetches > 1
        issuer.status, issuer.body = 200, b"<html>not a key set</html>"
        clock.now += 601
        assert (await verifier.verify(key.sign(claims(exp=clock.now + 60)))).user_id == "alice"


async def test_a_withdrawn_key_ends_with_the_next_refresh(clock: StillClock, issuer: Issuer) -> None:
    old, new = ed25519_key("old"), ed25519_key("new")
    issuer.keys = [old.public_jwk]
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        issuer.keys = [new.public_jwk]
        clock.now += 601
        await verifier.verify(old.sign(claims(exp=clock.now + 60)))  # starts the refresh in the background
        await asyncio.sleep(0.3)
        assert issuer.fetches == 2
        with pytest.raises(InvalidToken, match="token_key_unknown"):
            await verifier.verify(old.sign(claims(exp=clock.now + 60)))


async def test_an_issuer_that_starts_later_is_found(clock: StillClock, issuer: Issuer) -> None:
    key = ed25519_key()
    issuer.keys, issuer.status = [key.public_jwk], 502
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        assert not verifier.is_ready
        with pytest.raises(KeysUnavailable) as caught:
            await verifier.verify(key.sign(claims()))
        assert (caught.value.code, caught.value.retry_after_seconds) == (Code.IDENTITY_UNAVAILABLE, 2)
        issuer.status = 200
        clock.now += 2
        assert (await verifier.verify(key.sign(claims()))).user_id == "alice"
        assert verifier.is_ready


async def test_a_verifier_becomes_ready_without_a_request(
    clock: StillClock, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "RETRY_SECONDS", 0.02)
    issuer.keys, issuer.status = [ed25519_key().public_jwk], 503
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        assert not verifier.is_ready
        issuer.status = 200
        async with asyncio.timeout(5):
            while not verifier.is_ready:
                clock.now += 1
                await asyncio.sleep(0.02)
        assert issuer.fetches == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": {}}', b" " * 300_000, b"[" * 100_000])
async def test_a_broken_key_set_is_an_issuer_that_is_away(body: bytes, clock: StillClock, issuer: Issuer) -> None:
    issuer.body = body
    async with open_verifier(settings(jwt_jwks_url=issuer.url)) as verifier:
        assert not verifier.is_ready


async def test_several_sources_serve_one_verifier(clock: StillClock, issuer: Issuer, tmp_path: Path) -> None:
    web = ed25519_key("web")
    issuer.keys = [web.public_jwk]
    local = LocalIssuer.open(tmp_path / "issuer")
    values = settings(jwt_jwks_url=f"{local.jwks_url},{issuer.url},http://127.0.0.1:9/jwks")
    async with open_verifier(values) as verifier:
        assert (await verifier.verify(local.mint("alice"))).user_id == "alice"
        assert (await verifier.verify(web.sign(claims(sub="bob")))).user_id == "bob"


async def test_an_issuer_that_starts_after_another_is_waited_for(
    clock: StillClock, issuer: Issuer, tmp_path: Path
) -> None:
    web = ed25519_key("web")
    issuer.keys, issuer.status = [web.public_jwk], 502
    local = LocalIssuer.open(tmp_path / "issuer")
    async with open_verifier(settings(jwt_jwks_url=f"{local.jwks_url},{issuer.url}")) as verifier:
        assert verifier.is_ready  # the local issuer's tokens can be told
        with pytest.raises(KeysUnavailable):
            await verifier.verify(web.sign(claims(sub="bob")))
        issuer.status = 200
        assert (await verifier.verify(web.sign(claims(sub="bob")))).user_id == "bob"


async def test_a_local_issuer_keeps_its_key(clock: StillClock, tmp_path: Path) -> None:
    first, second = LocalIssuer.open(tmp_path), LocalIssuer.open(tmp_path)
    assert first.key_id == second.key_id
    assert (tmp_path / "issuer-key.pem").stat().st_mode & 0o077 == 0
    async with open_verifier(settings(jwt_jwks_url=second.jwks_url)) as verifier:
        await verifier.verify(first.mint("alice"))


@pytest.mark.parametrize("claim", ["sub", "user_id", "userId"])
async def test_the_claim_of_the_user_is_configurable(claim: str, clock: StillClock) -> None:
    values = settings(jwt_verifier="hs256", better_auth_secret=SECRET, jwt_user_claim=claim)
    token = jwt.encode(claims(**{"sub": None, claim: "carol"}), SECRET, "HS256")
    async with open_verifier(values) as verifier:
        assert (await verifier.verify(token)).user_id == "carol"
        if claim != "sub":
            with pytest.raises(InvalidToken, match="token_claim_invalid"):
                await verifier.verify(jwt.encode(claims(), SECRET, "HS256"))


@pytest.mark.parametrize("change", [{"exp": NOW - 29}, {"iat": NOW + 29}, {"nbf": NOW + 29}])
async def test_clocks_may_differ_by_the_leeway(change: dict[str, Any], clock: StillClock) -> None:
    if "exp" in change:
        change = {**change, "iat": NOW - 100}
    values = settings(jwt_verifier="hs256", better_auth_secret=SECRET)
    async with open_verifier(values) as verifier:
        await verifier.verify(jwt.encode(claims(**change), SECRET, "HS256"))
    async with open_verifier(values.model_copy(update={"jwt_leeway_seconds": 0})) as verifier:
        with pytest.raises(InvalidToken, match=r"token_expired|token_not_yet_valid"):
            await verifier.verify(jwt.encode(claims(**change), SECRET, "HS256"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"jwt_jwks_url": "ftp://keys.example"},
        {"jwt_jwks_url": "http://127.0.0.1/jwks", "jwt_algorithms": "EdDSA,HS256"},
        {"jwt_jwks_url": "http://127.0.0.1/jwks", "jwt_algorithms": "none"},
        {"jwt_jwks_url": "http://127.0.0.1/jwks", "jwt_leeway_seconds": 31},
        {"jwt_jwks_url": "http://127.0.0.1/jwks", "jwt_issuer": ""},
        {"jwt_jwks_url": "http://127.0.0.1/jwks", "chat_token_secret": "short"},
        {"jwt_verifier": "hs256"},
        {"jwt_verifier": "hs256", "better_auth_secret": "x" * 31},
        {"jwt_verifier": "hs256", "better_auth_secret": SECRET, "jwt_user_claim": "email"},
        {"jwt_verifier": "cookie_cache"},
    ],
)
def test_unsafe_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    assert "x" * 31 not in str(caught.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "JWT_VERIFIER": "hs256",
        "BETTER_AUTH_SECRET": SECRET,
        "CHAT_TOKEN_SECRET": SECRET,
        "JWT_USER_CLAIM": "userId",
    }.items():
        monkeypatch.setenv(name, value)
    read = settings()
    assert (read.jwt_verifier, read.jwt_user_claim, read.jwt_issuer) == ("hs256", "userId", "natter")
    assert SECRET not in repr(read)
