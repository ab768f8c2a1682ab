"""The command ``site-typology serve``."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    model: Annotated[
        str, typer.Option(help="A run's folder, its typology/ folder, or an MLflow model URI.")
    ],
    host: Annotated[str, typer.Option(help="Where to listen; this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further host name to be called by; repeat it for several."),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(help="Largest request that is read.", min=1000)
    ] = 5_000_000,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
) -> None:
    """Assign sites over HTTP: POST /assign, GET /template, GET /health. Stores and logs no input.

    It knows no users and no encryption: for other machines, put a server that does in front.
    """
    from site_typology.assigning import typology_of
    from site_typology.errors import Problem, StudyError
    from site_typology.service import Service, listen, run
    from site_typology.service_guard import LOOPBACK

    if host not in LOOPBACK and not allow_host:
        said = f"{host} can be reached from elsewhere. Say by which name, with --allow-host NAME."
        raise StudyError("serve", [Problem("--host", said)])
    service = Service(typology_of(model, tracking_uri), max_bytes)
    place = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"Serving {service.typology.name} at http://{shown}:{place.getsockname()[1]}/")
    run(service, place, [*LOOPBACK, *(allow_host or [])])
