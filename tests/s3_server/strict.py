"""moto's server, with what moto does not check of a signed address: signature, time, headers. Run by moto's own Python.

The signature is made once more by botocore, which is AWS's own and none of ours. `python strict.py PORT`.
"""
# pyright: reportMissingImports=false

import hmac
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

SECRETS = {"test": "test"}


def refusal(environ: dict[str, Any]) -> str | None:
    """What S3 would answer instead: of a signed address that is not what was signed, or not any more."""
    query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    given = query.pop("X-Amz-Signature", None)
    if given is None:
        return None
    key_id, *scope = query["X-Amz-Credential"].split("/")
    made_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if datetime.now(UTC) > made_at + timedelta(seconds=int(query["X-Amz-Expires"])):
        return "Request has expired"
    names = query["X-Amz-SignedHeaders"].split(";")
    variables = {name: name.upper().replace("-", "_") for name in names}
    headers = {name: environ.get(variable, environ.get(f"HTTP_{variable}", "")) for name, variable in variables.items()}
    encoded = urlencode(query, safe="-._~", quote_via=quote)
    url = f"http://{headers['host']}{environ['PATH_INFO']}?{encoded}"
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers=headers)
    request.context["timestamp"] = query["X-Amz-Date"]
    auth = S3SigV4QueryAuth(Credentials(key_id, SECRETS[key_id]), "s3", scope[1], int(query["X-Amz-Expires"]))
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return None if hmac.compare_digest(auth.signature(text, request), given) else "SignatureDoesNotMatch"


def main() -> None:
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        refused = None if environ["REQUEST_METHOD"] == "OPTIONS" else refusal(environ)
        if refused is None:
            return moto(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Access-Control-Allow-Origin", "*")])
        return [refused.encode()]

    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
