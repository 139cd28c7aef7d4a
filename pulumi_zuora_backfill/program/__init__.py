"""What runs in the user's program: the resources and how they are registered."""
