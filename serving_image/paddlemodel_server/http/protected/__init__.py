"""The clients' port where the spec has `access`: connections that ask first who is there."""
