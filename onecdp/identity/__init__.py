"""Who is the same person: the graph algorithms behind the ID map."""
