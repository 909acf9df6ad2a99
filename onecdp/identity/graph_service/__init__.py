"""Client of an external ID graph over HTTP."""
