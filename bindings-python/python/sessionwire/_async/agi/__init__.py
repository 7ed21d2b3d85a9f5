"""The AGI API."""
