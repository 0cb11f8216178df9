"""MediaPipe landmarks of a person who fingerspells -> the spelled phrase."""
