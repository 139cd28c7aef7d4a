"""Where Zuora is and who we are there."""
