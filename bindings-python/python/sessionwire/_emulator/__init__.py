"""The emulator in this process, and the agents that a program plays behind it."""
