"""The commands of `dativo` that work with jobs: their options, and what they print."""
