"""What the sections compute: plain programs on the library, without words or drawings."""
