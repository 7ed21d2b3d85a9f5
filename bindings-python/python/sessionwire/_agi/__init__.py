"""What the blocking and the asynchronous client of AGI share."""
