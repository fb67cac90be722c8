"""Who may ask: API keys from a mounted Secret; see docs/access.md."""
