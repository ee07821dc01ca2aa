"""What proves for whom a request is, and everything that does not."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from actor_kit.proof import PROOF_HEADER, Proofs, RunProof, claims_of_run_token, prove_run, prove_user
from contracts.commands import AddTask, ClaimRun, EffectKey, RenewLease, TruncateSession
from contracts.errors import Code, NatterError
from contracts.identity import Principal
from contracts.message import Message
from contracts.queries import GetRun, ListTasks

USERS, RUNS = b"the secret of principals, 32 byte", b"the secret of run tokens, 32 byte"
PROOFS = Proofs(USERS, RUNS)
ALICE, BOB = Principal(user_id="alice"), Principal(user_id="bob * > .")
RUN = RunProof("run_1", "conv_1", 3)


class Verified(Principal):
    issued_at: datetime


def check(request: Message, token: str | None) -> Any:
    return PROOFS.check(request, {} if token is None else {PROOF_HEADER: token})


def refusal(request: Message, token: str | None) -> Code:
    with pytest.raises(NatterError) as caught:
        check(request, token)
    return caught.value.code


def renewal(principal: Principal = ALICE, run_id: str = "run_1", epoch: int = 3) -> RenewLease:
    return RenewLease(principal=principal, run_id=run_id, epoch=epoch, lease_seconds=5)


def test_a_user_is_proven_with_the_age_of_their_token() -> None:
    signed_in = datetime(2026, 11, 1, tzinfo=UTC)
    proof = check(ListTasks(principal=ALICE), prove_user(USERS, Verified(user_id="alice", issued_at=signed_in)))
    assert (proof.user_id, proof.issued_at, proof.run) == ("alice", signed_in.timestamp(), None)
    bound = Principal(user_id="alice", scope="chat", conversation_id="conv_1")
    assert check(ListTasks(principal=bound), prove_user(USERS, bound)).conversation_id == "conv_1"


def test_both_are_json_web_tokens_as_everybody_reads_them() -> None:
    claims = jwt.decode(prove_run(RUNS, "alice", RUN), RUNS, ["HS256"])
    assert {"sub": "alice", **vars(RUN)}.items() <= claims.items()
    assert jwt.decode(prove_user(USERS, ALICE), USERS, ["HS256"])["sub"] == "alice"


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "a.b.c",
        prove_user(RUNS, ALICE),
        prove_run(USERS, "alice", RUN),
        prove_run(RUNS, "alice", RUN, ttl_seconds=-60),
        jwt.encode({"sub": "alice", "scope": "full", "auth_time": 1, "exp": 2**33}, USERS, "HS256"),
        jwt.encode({"sub": "alice"}, "", "none", headers={"typ": "natter-user+jwt"}),
        prove_user(USERS, ALICE) + "x" * 5_000,
        prove_user(USERS, ALICE)[:-2],
    ],
)
def test_what_its_signer_has_not_made_proves_nothing(token: str | None) -> None:
    assert refusal(GetRun(principal=ALICE, run_id="run_1"), token) == Code.PROOF_REFUSED


def test_a_changed_claim_breaks_the_signature() -> None:
    head, _, signature = prove_user(USERS, ALICE).split(".")
    body = base64.urlsafe_b64encode(json.dumps({"sub": "bob * > .", "scope": "full"}).encode()).rstrip(b"=").decode()
    assert refusal(ListTasks(principal=BOB), f"{head}.{body}.{signature}") == Code.PROOF_REFUSED


def test_a_proof_is_for_its_user_and_session_alone() -> None:
    assert refusal(ListTasks(principal=BOB), prove_user(USERS, ALICE)) == Code.FORBIDDEN
    bound = Principal(user_id="alice", scope="chat", conversation_id="conv_1")
    assert refusal(ListTasks(principal=ALICE), prove_user(USERS, bound)) == Code.FORBIDDEN


def test_a_run_token_is_for_its_user_run_conversation_and_attempt_alone() -> None:
    token = prove_run(RUNS, "alice", RUN)
    assert check(renewal(), token).run == RUN
    assert refusal(renewal(BOB), token) == Code.FORBIDDEN
    assert refusal(renewal(run_id="run_2"), token) == Code.FORBIDDEN
    assert refusal(renewal(epoch=4), token) == Code.RUN_STALE_EPOCH
    assert refusal(TruncateSession(principal=ALICE, conversation_id="conv_2"), token) == Code.FORBIDDEN
    other = EffectKey(run_id="run_2", call_id="call_1")
    assert refusal(AddTask(principal=ALICE, title="t", effect_key=other), token) == Code.FORBIDDEN


def test_while_a_secret_is_changed_the_old_one_is_good_as_well_for_its_own_kind() -> None:
    changed = Proofs(b"1" * 32, b"2" * 32, (b"0" * 32, USERS), (RUNS,))
    of_a_user, of_a_run = prove_user(USERS, ALICE), prove_run(RUNS, "alice", RUN)
    for proofs in (PROOFS, changed):
        proof = proofs.check(ListTasks(principal=ALICE), {PROOF_HEADER: of_a_user})
        assert proof is not None
        assert proof.user_id == "alice"
        assert proofs.check(renewal(), {PROOF_HEADER: of_a_run}) is not None
    forged = prove_user(RUNS, ALICE)
    for proofs in (changed, Proofs(b"1" * 32, b"2" * 32)):
        with pytest.raises(NatterError):
            proofs.check(ListTasks(principal=ALICE), {PROOF_HEADER: forged})
    with pytest.raises(NatterError):
        Proofs(b"1" * 32, b"2" * 32).check(renewal(), {PROOF_HEADER: of_a_run})


def test_what_only_runners_ask_takes_no_user_proof_and_what_only_the_edge_asks_no_run_token() -> None:
    assert refusal(renewal(), prove_user(USERS, ALICE)) == Code.PROOF_REFUSED
    from contracts.commands import EraseUser  # noqa: PLC0415

    assert refusal(EraseUser(principal=ALICE), prove_run(RUNS, "alice", RUN)) == Code.PROOF_REFUSED


def test_a_claim_needs_none_for_it_is_how_a_runner_gets_one() -> None:
    assert check(ClaimRun(principal=ALICE, run_id="run_1", runner_id="r", lease_seconds=5), None) is None


def test_a_run_token_can_be_read_by_who_has_it_judged_elsewhere() -> None:
    assert claims_of_run_token(prove_run(RUNS, "alice", RUN)).run == RUN
    for token in ("", "a.b.c", prove_user(USERS, ALICE), prove_run(RUNS, "alice", RUN).replace(".", ".!", 1)):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
            claims_of_run_token(token)
