"""The commands for models in a cluster: what they ask, as the person who types, and what they print."""
