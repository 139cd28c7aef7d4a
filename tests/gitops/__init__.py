"""
What runs the files of `gitops/` as their CI would.

The YAML decides what is run, with which environment.
"""
