"""Requests of servers that mirror to a canary, or are one."""
