"""Fetching archives from where they are published."""
