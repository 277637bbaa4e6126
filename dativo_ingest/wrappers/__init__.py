"""Programs that stand between Meltano and the plugins. Each is run as a file, by path, and imports the standard library
only: it starts in milliseconds, and nothing of a plugin's environment can break it.
"""
