"""The pages, most of them in a real Chromium; their event socket, their static site, and how they look."""
