"""How a new version gets traffic; one file for each block of the spec."""
