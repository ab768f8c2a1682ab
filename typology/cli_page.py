"""The command ``site-typology page``."""

from __future__ import annotations

from typing import Annotated

import typer


def page(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A run's folder, its typology/ folder, or an MLflow model URI; repeat it for "
            "several. By default every approved typology of the MLflow store."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Serve other machines too, under this host name; repeat for several."),
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the models.")] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Open it in the browser.")] = False,
) -> None:
    """Open a page for analysts on this machine: type a site in, see its type and why.

    Nothing that is entered or uploaded is kept, and nothing is logged.
    """
    from site_typology.assigning import typology_of
    from site_typology.errors import Problem, StudyError
    from site_typology.experiments.approved import approved_models
    from site_typology.page import Page
    from site_typology.page_sites import offered
    from site_typology.service import listen, serve_app
    from site_typology.service_guard import LOOPBACK

    if host not in LOOPBACK and not allow_host:
        said = (
            f"{host} can be reached from other machines. The page knows no users and no "
            "encryption: everyone who reaches it can see names of sites and use it. If that is "
            "meant, say by which name it is called, with --allow-host NAME."
        )
        raise StudyError("page", [Problem("--host", said)])
    named = model or approved_models(tracking_uri)
    offers = offered([typology_of(one, tracking_uri) for one in named])
    place = listen(host, port)
    for own in offers:
        own.warm_up()
    # From here on whoever calls waits, and is not turned away, until the page is served.
    place.listen()
    own_port = int(place.getsockname()[1])
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{own_port}/"
    typer.echo(f"The page is at {address} (Ctrl-C ends it).")
    if browser:
        import webbrowser

        webbrowser.open(address)
    own_page = Page(offers, None if allow_host else own_port)
    serve_app(own_page.app([*LOOPBACK, *(allow_host or [])]), place)
