"""Runners of the peers: programs, each run by the interpreter of the peer's own environment, so none imports ours."""
