"""How results show themselves in a notebook. Nothing imports this before something is shown."""
