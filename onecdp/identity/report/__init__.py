"""Reports on the ID map as a whole."""
