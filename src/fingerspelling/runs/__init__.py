"""Runs seen from outside: how far one is, several side by side, many at once, and their chapters as pages."""
