"""`python -m cli` is `hub`."""

from cli.main import main

if __name__ == "__main__":
    main()
