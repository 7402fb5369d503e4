"""Kits: what a platform team adds to every repository that its teams start, and keeps in them.

A kit is a folder or a git repository with a `kit.toml` and with layers of its own, in the same folders as the built-in
ones. It is somebody else's code: it is read as data, rendered in a sandbox in a process of its own, and gives nothing
but files inside the project.
"""
