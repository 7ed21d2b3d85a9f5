"""Generated from `_async/agi/__init__.py` by `make generate`: change that file, and run it."""
