"""`python -m cli` is `hub`."""

if __name__ == "__main__":  # not in the processes that it starts, which import it again
    from cli.main import main

    main()
