"""What everything here stands on: names, errors, quantities, the parsed model. Pure."""
