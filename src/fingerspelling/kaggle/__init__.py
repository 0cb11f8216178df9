"""Kaggle: kernels built from the notebooks, and pushing, watching, fetching and submitting them from here."""
