"""Signed tokens of an issuer (JWT, RFC 7519), which open the model as keys do."""
