"""The Raccoon API."""
