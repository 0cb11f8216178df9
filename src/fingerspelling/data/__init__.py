"""The competition's files -> the clip store -> batches."""
