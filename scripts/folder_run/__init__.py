"""A run over the files of a folder or container, which a later run goes on with."""
