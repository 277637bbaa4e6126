"""Dativo source recipes as Singer taps, and the few taps that no registry offers."""
