"""Rules over typed rows → verdicts: row rules, keys and uniqueness across a run."""
