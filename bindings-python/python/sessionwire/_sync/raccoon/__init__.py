"""Generated from `_async/raccoon/__init__.py` by `make generate`: change that file, and run it."""
