"""`talking-portrait train`."""
import click
@click.command()
def train() -> None:
    """Placeholder."""
