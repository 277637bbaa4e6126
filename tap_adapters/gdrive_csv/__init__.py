"""tap-gdrive-csv: CSV files of Google Drive as a Singer tap, with a service account; the CSV is tap-csv's.

Nothing is imported here, so that `tap-gdrive-csv --version` stays quick.
"""
