"""`python -m bartizan` is the command line, for images and machines where no script is on the path."""

from bartizan.cli.main import main

if __name__ == "__main__":
    main()
