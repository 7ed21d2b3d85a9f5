"""The parts of `bench/run.py`: what is compared, where it lives, how it is run and reported."""
