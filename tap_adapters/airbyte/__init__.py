"""tap-airbyte: any Airbyte source that is a Python package, run as a Singer tap, without Docker.

Nothing is imported here, so that `tap-airbyte --version` stays quick.
"""
