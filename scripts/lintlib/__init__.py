"""The gates of scripts/lint, one module a group."""
