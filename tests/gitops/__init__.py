"""What runs the files of `gitops/` as their CI would: the YAML decides what is run, with which environment."""
