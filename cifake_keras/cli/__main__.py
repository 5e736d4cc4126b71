"""`python -m cifake_keras.cli` is `cifake-keras`."""

from cifake_keras.cli import main

main()
