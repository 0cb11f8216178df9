"""Runs: their parameters and provenance, how far one is, several side by side or at once, their chapters as pages."""
