"""`natter up --demo-user`: an account to sign in with at once."""

from natter.data_directory import Secrets

EMAIL = "demo@example.com"
NAME = "Demo"
WEB_ANSWER_SECONDS_MAX = 10.0


class DemoUserError(Exception):
    """The web app refused to make the account; the text is its reason."""


async def ensure_demo_user(web_url: str, secrets: Secrets) -> str:
    """Sign the demo user up, which changes nothing where that was done before; return how to sign in.

    Raises DemoUserError.
    """
    import httpx  # noqa: PLC0415 - for few starts

    account = {"email": EMAIL, "password": secrets.demo_password, "name": NAME}
    try:
        async with httpx.AsyncClient(timeout=WEB_ANSWER_SECONDS_MAX, trust_env=False) as client:
            headers = {"Origin": web_url}
            answer = await client.post(f"{web_url}/api/auth/sign-up/email", json=account, headers=headers)
    except httpx.HTTPError as error:
        raise DemoUserError(f"the web app did not answer: {error or type(error).__name__}") from error
    if answer.status_code >= 400:
        raise DemoUserError(f"the web app refused the demo user: {answer.text}")
    return f"sign in as {EMAIL} with the password {secrets.demo_password}"
