"""`talking-portrait evaluate`."""
import click
@click.command()
def evaluate() -> None:
    """Placeholder."""
