"""Blob storage: an address of blobs, the container behind it, and each blob as a file."""
