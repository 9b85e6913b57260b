"""The ``motefit`` application: each file in ``cli/commands`` is a command, loaded when called."""

import importlib
import pkgutil
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from motefit import __version__
from motefit.cli import commands
from motefit.cli.output import INTERRUPTED, MISTAKE, fail
from motefit.spec.errors import MotefitError

SUFFIX = "_command"


def command_names() -> list[str]:
    """List the names of all commands, which are those of their files."""
    found = (module.name for module in pkgutil.iter_modules(commands.__path__))
    return sorted(name.removesuffix(SUFFIX) for name in found)


def load_command(app: typer.Typer, name: str) -> None:
    """Import a command's module and add the command to an application."""
    importlib.import_module(f"{commands.__name__}.{name}{SUFFIX}").add_to(app)


class Application(TyperGroup):
    """Command group that loads commands when they are called and maps errors to exit codes.

    Errors the user can fix are shown without a traceback. A KeyboardInterrupt handled by typer
    would exit with 1, which means "budget not met" here.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's, or typer's own
        """List the names of all commands."""
        return [*command_names(), *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - click's, or typer's own
        """Load the command of that name; None if there is none."""
        if cmd_name not in command_names():
            return super().get_command(ctx, cmd_name)
        app = typer.Typer(add_completion=False)
        load_command(app, cmd_name)
        return typer.main.get_group(app).get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's, or typer's own copy of click
        """Run the command, with errors mapped to exit codes."""
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
