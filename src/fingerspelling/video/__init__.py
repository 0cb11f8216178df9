"""Videos and webcams -> landmarks in the competition's format -> phrases."""
