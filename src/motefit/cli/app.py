"""The ``motefit`` application: each file in ``cli/commands`` is a command, loaded when called."""

import importlib
import inspect
import pkgutil
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from motefit import __version__
from motefit.cli import commands
from motefit.cli.help_page import HelpPage, unwrapped, usage_pieces
from motefit.cli.output import INTERRUPTED, MISTAKE, examples, fail
from motefit.cli.usage import UsageError, explain, is_mistake, modern
from motefit.spec.codec import nearest
from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.scratch import NO_FOLDER

SUFFIX = "_command"
PANELS = {
    "Use a model": ("zoo", "kws", "listen", "forecast"),
    "Make a model": ("recipes", "data", "fit", "study", "dashboard"),
    "Measure a model": ("check", "report", "inspect", "latency", "bench", "estimate"),
    "Convert a model": ("export", "shrink", "codegen"),
    "Run a node": ("monitor", "readings", "deploy"),
}
"""Groups of commands in the help, in the order they are needed; all others follow by name."""
OTHERS = "More"
MEANT = {
    "build": "fit", "train": "fit", "learn": "fit", "tune": "fit", "search": "fit",
    "predict": "kws or forecast", "infer": "kws or forecast", "run": "kws or forecast",
    "classify": "kws", "recognize": "kws", "spot": "kws", "stream": "listen", "mic": "listen",
    "test": "check", "eval": "check", "evaluate": "check", "verify": "check", "certify": "check",
    "validate": "check", "models": "zoo", "list": "zoo or recipes", "info": "inspect",
    "show": "inspect", "time": "latency or bench", "benchmark": "bench", "profile": "bench",
    "convert": "export", "compress": "shrink", "optimize": "shrink", "synth": "data synth",
    "audit": "data audit", "fetch": "data fetch", "download": "data fetch",
    "ui": "dashboard", "help": "--help", "version": "--version",
}  # fmt: skip
"""Names that other programs give to these commands."""
UNMAPPED = ("failed to map segment", "cannot allocate memory")
"""In the linker's message on a library for which there is no memory."""
EXAMPLES = examples(
    "motefit kws up-down clip.wav           which word is it?",
    "motefit forecast climate-6 today.csv   the next hour",
    "motefit fit quickstart                 synthetic speech to a certificate",
    "motefit fit up-down --data FOLDER      from clips, one folder per word",
)


def command_names() -> list[str]:
    """List the names of all commands, which are those of their files, in the order of the help."""
    found = (module.name for module in pkgutil.iter_modules(commands.__path__))
    names = sorted(name.removesuffix(SUFFIX) for name in found)
    grouped = [name for panel in PANELS.values() for name in panel if name in names]
    return grouped + [name for name in names if name not in grouped]


def load_command(app: typer.Typer, name: str) -> None:
    """Import a command's module and add the command to an application."""
    importlib.import_module(f"{commands.__name__}.{name}{SUFFIX}").add_to(app)
    for inner in app.registered_groups:
        inner.cls = Group
    for group in (app, *(inner.typer_instance for inner in app.registered_groups)):
        for command in group.registered_commands if group else ():
            command.cls = Command


class Command(HelpPage, TyperCommand):
    """Command whose help says what to give, and that takes former spellings of options."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - click's, or typer's
        super().__init__(*args, **options)
        self.help = unwrapped(inspect.cleandoc(self.help or ""))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's, or typer's
        """List the parts of the usage line."""
        return usage_pieces(super().collect_usage_pieces(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Read the command line."""
        return super().parse_args(ctx, modern(ctx.info_name, args))


class Group(HelpPage, TyperGroup):
    """Command group with the help of commands."""


class Application(Group):
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
        command: Any = typer.main.get_group(app).get_command(ctx, cmd_name)
        panels = (panel for panel, names in PANELS.items() if cmd_name in names)
        command.rich_help_panel = next(panels, OTHERS)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        """Find the command; if it does not exist, name the closest one."""
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            hint = f" (did you mean {MEANT[name]}?)" if name in MEANT else ""
            hint = hint or nearest(name, command_names())
            raise RecipeError(f"there is no command {name!r}{hint}; motefit --help lists all")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
        """Read the options before the command, with mistakes reported like all others."""
        try:
            return super().make_context(*args, **options)
        except UsageError as error:
            raise _refused(error) from None
        except KeyboardInterrupt:
            raise _interrupted() from None

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's, or typer's own copy of click
        """Run the command, with errors mapped to exit codes."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise _refused(error) from None
        except MotefitError as error:
            fail(str(error))
            raise typer.Exit(MISTAKE) from None
        except OSError as error:  # of a file that the user named: too long a name, no permission
            if str(error.strerror).startswith(NO_FOLDER):
                fail(f"{error.strerror}; name one that can be written in TMPDIR")
                raise typer.Exit(MISTAKE) from None
            if error.filename is None or isinstance(error, BrokenPipeError):
                raise
            fail(f"{error.filename}: {error.strerror or error}")
            raise typer.Exit(MISTAKE) from None
        except (MemoryError, ImportError) as error:
            if isinstance(error, ImportError) and not any(text in str(error) for text in UNMAPPED):
                raise
            fail("not enough memory; close other programs, or raise the limit of this process")
            raise typer.Exit(MISTAKE) from None
        except KeyboardInterrupt:
            raise _interrupted() from None


def _interrupted() -> typer.Exit:
    """Report Ctrl-C; return what ends the command."""
    fail("interrupted")
    return typer.Exit(INTERRUPTED)


def _refused(error: Exception) -> Exception:
    """Report a mistake on the command line; return what ends the command."""
    if not is_mistake(error):
        return error
    fail(explain(error))
    return typer.Exit(MISTAKE)


app = typer.Typer(
    name="motefit",
    cls=Application,
    help="Train the smallest model that fits a sensor node, and certify the very file it ships.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EXAMPLES,
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
    """Train the smallest model that fits a sensor node, and certify the very file it ships."""
