"""The competition's files -> the clip store -> batches.

competition, parquet and clip_files read and write files; extraction, in several processes (parallel), fills the store;
sampler plans epochs, dataset makes their batches, augmentation changes them; measures compares clips with published
figures.
"""
