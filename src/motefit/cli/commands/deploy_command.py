"""``motefit deploy``: a model and settings on a node, over ssh."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import announce, examples, given, print_json, show, write
from motefit.spec.errors import RecipeError

EXAMPLES = examples(
    "motefit deploy pi@raspberrypi up-down --node node.toml",
    "motefit deploy pi@raspberrypi --rollback",
    "motefit deploy pi@raspberrypi --unit",
)


def deploy_command(
    host: Annotated[str, typer.Argument(help="user@host; motefit must be installed there.")],
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, or bundle (.zip), to send.",
        ),
    ] = None,
    node: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings of motefit monitor to send. Default: those of the node stay.",
        ),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Restore the previous version.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare with what is there; change nothing.")
    ] = False,
    unit: Annotated[
        bool, typer.Option("--unit", help="Print a systemd unit for the host; change nothing.")
    ] = False,
    restart: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Shell command there that restarts the node. Default: sudo -n systemctl restart "
            "motefit-node.",
        ),
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Shell command there that succeeds while the node is healthy. Default: systemctl "
            "is-active motefit-node.",
        ),
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Seconds for which the node must stay healthy. Default: 5."
        ),
    ] = None,
    patience: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds after which an unhealthy node is given up. Default: 30.",
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder of the versions there. Default: motefit-node."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(metavar="PYTHON", help="Python there that has motefit. Default: python3."),
    ] = None,
    ssh: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="The ssh command, with options if needed. Default: ssh."
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Time limit in seconds. Default: 600.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send a model and settings to a node; restore what it had if they do not work there.

    The node checks the hashes, renames a link, restarts and watches its health, by itself: a lost
    connection leaves it with one version or the other. Exit code 2 if the new version is not
    healthy.
    """
    if bool(model) + rollback + unit != 1:
        raise RecipeError("give one of: a model to send, --rollback or --unit")
    if node is not None and not model:
        raise RecipeError("--node goes with a model; give the model too")
    if dry_run and not model:
        raise RecipeError("--dry-run goes with a model to send")
    place = motefit.Host(address=host, **given(python=python, ssh=ssh, timeout_s=timeout))
    service = motefit.NodeService(
        **given(folder=folder, restart=restart, health=health, settle_s=settle, patience_s=patience)
    )
    announce(f"{host}: connecting")
    if unit:
        write(motefit.node_unit(place, service=service))
        return
    if model:
        done = motefit.deploy_to_host(place, model, settings=node, service=service, dry_run=dry_run)
    else:
        done = motefit.roll_back_host(place, service=service)
    if as_json:
        print_json(done)
    else:
        show(done)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("deploy", epilog=EXAMPLES)(deploy_command)
