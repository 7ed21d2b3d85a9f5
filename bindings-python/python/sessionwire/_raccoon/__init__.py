"""What the blocking and the asynchronous client of Raccoon share."""
