"""httpx for servers without TLS: each call of its own reads all public authorities, 40 ms of CPU.

A minute's patience, not httpx's five seconds: on a busy machine an answer may take those.
"""

import functools
import ssl

import httpx

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_SECONDS = 60

Client = functools.partial(httpx.Client, verify=_NO_AUTHORITIES, timeout=_SECONDS)
get = functools.partial(httpx.get, verify=_NO_AUTHORITIES, timeout=_SECONDS)
head = functools.partial(httpx.head, verify=_NO_AUTHORITIES, timeout=_SECONDS)
post = functools.partial(httpx.post, verify=_NO_AUTHORITIES, timeout=_SECONDS)
request = functools.partial(httpx.request, verify=_NO_AUTHORITIES, timeout=_SECONDS)
