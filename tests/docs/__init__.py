"""The docs as tests run them: programs, console sessions, commands and pictures."""
