"""The competition's metric, its submission, and its scorer."""
