"""tap-google-sheets: sheets of Google spreadsheets as a Singer tap, with a service account.

Nothing is imported here, so that `tap-google-sheets --version` stays quick.
"""
