"""Whom this machine trusts, for clients of HTTPS."""

import functools
import ssl

import httpx


@functools.cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities, read once: 20 ms of a core, which every client takes for itself otherwise."""
    return httpx.create_ssl_context()
