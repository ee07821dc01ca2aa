"""`natter up --demo-user`: an account to sign in with at once."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from natter.data_directory import Secrets
from natter.operating import accounts, roles

if TYPE_CHECKING:
    import httpx

EMAIL = "demo@example.com"
NAME = "Demo"
WEB_ANSWER_SECONDS_MAX = 10.0
INVITATION_LIFETIME = timedelta(minutes=5)
CONFIRM = 'update auth."user" set "emailVerified" = true where email = $1'


class DemoUserError(Exception):
    """The web app refused to make the account; the text is its reason."""


async def ensure_demo_user(web_url: str, database_url: str, secrets: Secrets) -> str:
    """Sign the demo user up, which changes nothing where that was done before; return how to sign in.

    Also where accounts are made by invitation, and where an address has to be confirmed: who starts Natter may.

    Raises DemoUserError, NoStackError.
    """
    account = {"email": EMAIL, "password": secrets.demo_password, "name": NAME}
    connection: Any = await roles.enter(database_url)
    try:
        answer = await _sign_up(web_url, account)
        if answer.status_code == 403:
            invitation = await accounts.write_link(connection, "invitation", EMAIL, INVITATION_LIFETIME)
            answer = await _sign_up(web_url, {**account, "invitation": invitation})
        if answer.status_code >= 400:
            raise DemoUserError(f"the web app refused the demo user: {answer.text}")
        await connection.execute(CONFIRM, EMAIL)
    finally:
        await connection.close()
    return f"sign in as {EMAIL} with the password {secrets.demo_password}"


async def _sign_up(web_url: str, account: dict[str, str]) -> "httpx.Response":
    import httpx  # noqa: PLC0415 - for few starts

    try:
        async with httpx.AsyncClient(timeout=WEB_ANSWER_SECONDS_MAX, trust_env=False) as client:
            headers = {"Origin": web_url}
            return await client.post(f"{web_url}/api/auth/sign-up/email", json=account, headers=headers)
    except httpx.HTTPError as error:
        raise DemoUserError(f"the web app did not answer: {error or type(error).__name__}") from error
