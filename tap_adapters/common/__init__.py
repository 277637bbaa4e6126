"""What our own taps share: settings in our words, files and their bookmarks, values, the command's exit codes."""
