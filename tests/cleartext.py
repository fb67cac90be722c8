"""httpx for servers without TLS: each call of its own reads all public authorities, 40 ms of CPU."""

import functools
import ssl

import httpx

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Client = functools.partial(httpx.Client, verify=_NO_AUTHORITIES)
get = functools.partial(httpx.get, verify=_NO_AUTHORITIES)
head = functools.partial(httpx.head, verify=_NO_AUTHORITIES)
post = functools.partial(httpx.post, verify=_NO_AUTHORITIES)
request = functools.partial(httpx.request, verify=_NO_AUTHORITIES)
