"""What a wait for jobs means, in plain data, and how it polls."""
