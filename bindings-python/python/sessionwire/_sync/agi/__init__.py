"""Generated from `_async/agi/__init__.py` by `bindings-python/generate_sync.py`: change that
file, and run the script.
"""
