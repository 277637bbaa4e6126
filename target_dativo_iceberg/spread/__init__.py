"""One load spread over workers: files of BATCH messages are staged by threads or on other machines, published here."""
