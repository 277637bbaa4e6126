"""tap-csv: CSV files as a Singer tap, with the settings of the Meltano Hub's tap-csv and more.

Nothing is imported here, so that `tap-csv --version` stays quick.
"""
