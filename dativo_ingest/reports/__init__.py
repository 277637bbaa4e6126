"""Reports of runs for people: found, read, put into words and pictures, shown as a page or on a terminal."""
