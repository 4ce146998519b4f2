"""Pictures as files: DOT text is laid out by Graphviz, and files are written whole.

What takes a while to import is imported where it is used: most programs never draw.
"""

from __future__ import annotations

import html
import math
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from autograd_mini.show.text import width

if TYPE_CHECKING:
    import subprocess

__all__ = ["Picture", "RenderError", "find_dot", "render", "write"]

SIGNATURES: Final = {"svg": b"<svg", "png": b"\x89PNG\r\n", "pdf": b"%PDF-"}
"""What the bytes of each format begin with, or nearly so."""

REMEDY: Final = (
    'pip install "autograd-mini[render]", or install Graphviz (https://graphviz.org/download), or name '
    "its `dot` in AUTOGRAD_MINI_DOT"
)

WIDE: Final = 900
"""From so many points on, a notebook scrolls a picture: shrunk to the page, it could not be read."""

PIXELS: Final = 12e6
"""What a PNG may have before it is made coarser, from 96 dots an inch down to 60."""

FONTS: Final = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
"""For SVG. The layout is for Courier, whose widths every renderer knows; these have the same."""

LETTER: Final = 0.6
"""The width of a letter of Courier, in its heights."""

SUFFIXES: Final = (".svg", ".png", ".pdf", ".dot", ".gv")


class RenderError(RuntimeError):
    """A picture that could not be made or written; the message has the object, the cause, the remedy."""


def find_dot() -> str:
    """Return the path of a `dot` executable: AUTOGRAD_MINI_DOT, else on PATH, else graphviz-pure's.

    Raises RenderError when there is none, or when AUTOGRAD_MINI_DOT names no executable file.
    """
    import shutil

    wanted = os.environ.get("AUTOGRAD_MINI_DOT")
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise RenderError(
                f"AUTOGRAD_MINI_DOT: {wanted!r} is not an executable file; set it to the path of "
                "Graphviz's `dot`, or unset it to have one looked for"
            )
        return found
    found = shutil.which("dot") or _dot_of_wheel()
    if found is None:
        raise RenderError(f"no Graphviz `dot` was found on PATH; {REMEDY}")
    return found


def _dot_of_wheel() -> str | None:
    """Return the binary that the graphviz-pure wheel brought; it is in no directory on PATH of a venv."""
    import shutil
    from importlib import metadata

    try:
        files = metadata.files("graphviz-pure") or []
    except metadata.PackageNotFoundError:
        return None
    binaries = [
        str(file.locate()) for file in files if file.stem == "graphviz-pure" and file.suffix in ("", ".exe")
    ]
    return next(filter(shutil.which, binaries), None)


def render(source: str, format: str, *, dots_per_inch: float = 96.0, seconds: float = 20.0) -> bytes:
    r"""Return the picture that DOT text describes, in `format`: "svg", "png" or "pdf".

    `dots_per_inch` are those of a PNG.

    Raises RenderError when no renderer is found, when it cannot make this format, fails, or takes more
    than `seconds`; it is stopped then, with whatever it has started.

    >>> render("digraph { a -> b }", "svg").endswith(b"</svg>\n")
    True
    """
    import subprocess

    dot = find_dot()
    resolution = [f"-Gdpi={dots_per_inch:g}"] if format == "png" else []
    try:
        process = subprocess.Popen(
            [dot, f"-T{format}", *resolution],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a wrapper script and its children can be stopped together
        )
    except OSError as error:
        raise RenderError(f"{dot}: cannot be run: {error.strerror}; {REMEDY}") from error
    with process:
        try:
            picture, complaint = process.communicate(source.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RenderError(
                f"{dot}: no picture after {seconds:g} s; draw a smaller graph, or save the DOT and lay "
                "it out by hand"
            ) from None
        finally:
            _stop(process)
    if SIGNATURES[format] in picture[:2000] and not process.returncode:
        return picture
    said = complaint.decode(errors="replace").strip()
    if "not recognized" in said:
        raise RenderError(
            f"{dot}: cannot make {format.upper()}; save .svg or .png, or install Graphviz "
            "(https://graphviz.org/download)"
        )
    said = said.splitlines()[0] if said else f"it made no {format.upper()}"
    raise RenderError(f"{dot}: failed with exit status {process.returncode}: {said[:200]}; {REMEDY}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        if os.name == "posix":
            import signal

            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe, such as /dev/stdout, is written to directly.

    Raises RenderError, naming the path, when that cannot be done; what was there before is kept.
    """
    import tempfile

    temporary = None
    try:
        target = os.path.realpath(path)
        directly = os.path.exists(target) and not os.path.isfile(target)
        if directly or os.fspath(path).startswith("/dev/"):
            with open(path, "wb") as file:
                file.write(data)
            return
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".autograd_mini-")
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(target))
        os.replace(temporary, target)
    except (OSError, ValueError) as error:  # a ValueError is a NUL in the name
        cause = getattr(error, "strerror", None) or error
        raise RenderError(
            f"{os.fspath(path)}: cannot be written: {cause}; name a file in a directory that "
            "exists and may be written to"
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _permissions(target: str) -> int:
    """Return those of the file there is, else those a new file gets: a temporary file has others."""
    if os.path.exists(target):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


class Picture:
    """A picture of a graph: Jupyter shows it as it is, `save` saves it, `source` is its DOT text.

    `graph` is the `graphviz.Digraph`, to which you may add; `summary` says what is shown;
    `in_words` returns the same as text, which Jupyter shows where no Graphviz is installed.
    """

    def __init__(
        self,
        graph: Any,
        summary: str,
        in_words: Callable[[], str],
        finish: Callable[[str], str] = str,
    ) -> None:
        self.graph = graph
        self._finish = finish  # what is done to the SVG in the end
        self.summary = summary
        self.in_words = in_words
        self._laid_out = "", ""  # the source last laid out, and its SVG

    @property
    def source(self) -> str:
        """The picture as DOT text."""
        return str(self.graph.source)

    @property
    def svg(self) -> str:
        """The picture as SVG text. Raises RenderError when there is no renderer, or it fails."""
        source = self.source
        if self._laid_out[0] != source:
            plain, texts = _stand_ins(source)
            self._laid_out = source, self._finish(_finished(render(plain, "svg").decode(), texts))
        return self._laid_out[1]

    @property
    def png(self) -> bytes:
        """The picture as a PNG file, coarser if it is very large. Raises RenderError as `svg` does."""
        width, height = self._size()
        coarser = math.sqrt(PIXELS / (width * height * (96 / 72) ** 2))
        return render(self.source, "png", dots_per_inch=max(60.0, 96 * min(1.0, coarser)))

    def _size(self) -> tuple[float, float]:
        """Return width and height in points."""
        sides = re.search(r'<svg [^>]*?width="([\d.]+)pt"\s+height="([\d.]+)pt"', self.svg)
        return (float(sides[1]), float(sides[2])) if sides else (1.0, 1.0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as the suffix says: .svg, .png, .pdf, or the DOT text as .dot or .gv, without a renderer.

        The file is written whole or not at all. Raises ValueError for another suffix, RenderError when
        there is no renderer, when it fails, or when the file cannot be written.
        """
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in SUFFIXES:
            raise ValueError(
                f"{os.fspath(path)}: no kind of picture ends so; end the name in {', '.join(SUFFIXES)}"
            )
        write(path, self._bytes(suffix))

    def _bytes(self, suffix: str) -> bytes:
        if suffix == ".svg":
            return self.svg.encode()
        if suffix == ".png":
            return self.png
        return render(self.source, "pdf") if suffix == ".pdf" else self.source.encode()

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except RenderError:
            return None  # Jupyter shows the repr instead, and no traceback

    def _repr_html_(self) -> str | None:
        """Return a wide picture in a box that scrolls, or words where there is no renderer.

        Jupyter shows any other picture as SVG.
        """
        try:
            wide = self._size()[0] > WIDE
        except RenderError as error:
            return (
                f"<pre>{html.escape(self.in_words())}</pre><p>{html.escape(f'{self.summary}; {error}')}</p>"
            )
        box = '<div style="overflow-x: auto">'
        return f"{box}{self.svg[self.svg.index('<svg ') :]}</div>" if wide else None

    def __repr__(self) -> str:
        try:
            find_dot()
        except RenderError as error:
            return f"<Picture: {self.summary}; cannot be shown: {error}>"
        return f"<Picture: {self.summary}>"


# ---- an SVG as Graphviz makes it, finished ---------------------------------------------------------


def _stand_ins(source: str) -> tuple[str, dict[str, str]]:
    """Return DOT text in ASCII alone, and the text that each stand-in is for.

    Graphviz may take a letter beyond ASCII for as many as it has bytes, so w₁₁ would get a box for seven.
    """
    texts: dict[str, str] = {}
    tokens: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        text = match[1]
        if text not in tokens:
            shown = html.unescape(text).replace("\\\\", "\\")
            token = f"~{len(texts):x}".ljust(width(shown), "~")
            if len(token) > width(shown) or token in source:
                return match[0]
            tokens[text] = token
            texts[token] = html.escape(shown, quote=False)
        return f">{tokens[text]}<"

    return re.sub(r">([^<>]*[^\x00-\x7f<>][^<>]*)<", plain, source), texts


def _finished(svg: str, texts: dict[str, str]) -> str:
    """Return the SVG with fonts at hand, texts as wide as their boxes allow, and colours for the dark."""
    svg = svg.replace(' font-family="Courier,monospace"', "")
    svg = re.sub(r">(~[^<]*)</text>", lambda match: f">{texts.get(match[1], match[1])}</text>", svg)
    svg = _BOXED.sub(_centred, svg)
    svg = _TEXT.sub(_fitted, svg)
    return _HEAD.sub(
        lambda head: f'<svg class="{CLASS}" font-family="{FONTS}" {head[1]}{_style(svg)}', svg, 1
    )


CLASS: Final = "autograd-mini"
_HEAD: Final = re.compile(r"<svg ([^>]*>)")
_BOXED: Final = re.compile(
    r'(<polygon fill="(?!#767676)[^>]*points="[^"]*"/>\n<text [^>]*)text-anchor="start" x="[^"]*"'
)
_TEXT: Final = re.compile(r'<text ([^>]*font-size="([\d.]+)"[^>]*)>([^<]+)</text>')


def _centred(box_and_text: re.Match[str]) -> str:
    """Set a text in the middle of its box: Graphviz takes an accent or a ∂ for several letters."""
    before: str = box_and_text[1]
    points = before[before.rindex('points="') + 8 : before.index('"/>')].split()
    across = [float(point.partition(",")[0]) for point in points]
    return f'{before}text-anchor="middle" x="{(min(across) + max(across)) / 2:.2f}"'


def _fitted(text: re.Match[str]) -> str:
    """Say how wide a text is, so that no font makes it wider than its box."""
    shown = html.unescape(text[3])
    if not shown.strip() or not _LETTERS.fullmatch(shown):
        return text[0]
    wide = LETTER * float(text[2]) * len(shown)
    return f'<text {text[1]} textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs">{text[3]}</text>'


_LETTERS: Final = re.compile("[ -~\u00a1-\u02ff\u0370-\u03ff\u2026\u2070-\u209c\u2190-\u22ff]+")
"""Texts whose every character is as wide as a letter."""


def _style(svg: str) -> str:
    """Return the rules that turn each colour of a picture over where the page or the system is dark."""
    light = sorted({*re.findall(r'(fill|stroke)="(#[0-9a-f]{6})"', svg)})
    pairs = [(f'[{what}="{colour}"]', f"{{{what}:{_dark(colour)}}}") for what, colour in light]
    own = f"svg.{CLASS}"
    by_system = "".join(f"{own}:not({PAGES_LIGHT}) {colour}{rule}" for colour, rule in pairs)
    by_page = "".join(f":is({PAGES_DARK}) {own} {colour}{rule}" for colour, rule in pairs)
    return f"<style>@media (prefers-color-scheme:dark){{{by_system}}}{by_page}</style>"


PAGES_DARK: Final = '[data-theme="dark"],[data-jp-theme-light="false"]'
PAGES_LIGHT: Final = '[data-theme="light"] *,[data-jp-theme-light="true"] *'
"""How documents and notebooks say that they are dark or light, whatever the system is."""


def _dark(colour: str) -> str:
    """Return a colour as light as the other was dark, of the same hue.

    >>> _dark("#ffffff"), _dark("#1a1a1a")
    ('#1f1f1f', '#e4e4e4')
    """
    import colorsys

    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(*channels)
    turned = colorsys.hls_to_rgb(hue, 0.12 + 0.9 * (1 - lightness) ** 1.4, 0.7 * saturation)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in turned)
