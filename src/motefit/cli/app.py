"""The ``motefit`` application: every file of ``cli/commands`` adds its commands here."""

import importlib
import pkgutil
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from motefit import __version__
from motefit.cli import commands
from motefit.cli.output import INTERRUPTED, MISTAKE, fail
from motefit.spec.errors import MotefitError


class Application(TyperGroup):
    """Maps errors to exit codes, for all commands alike; nothing the user can mend has a traceback.

    A KeyboardInterrupt left to typer would exit with 1, which means "budget not met" here.
    """

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's, or typer's own copy of click
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MotefitError as error:
            fail(str(error))
            raise typer.Exit(MISTAKE) from None
        except KeyboardInterrupt:
            fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="motefit",
    cls=Application,
    help="Train the smallest model that fits a sensor node, and prove it on the bytes it ships.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if show:
        typer.echo(f"motefit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train the smallest model that fits a sensor node, and prove it on the bytes it ships."""


for _module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{_module.name}").add_to(app)
