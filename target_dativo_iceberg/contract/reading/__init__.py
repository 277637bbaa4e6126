"""Contract files → one canonical ODCS 3.2 document with findings: strict YAML, three front doors, lint."""
