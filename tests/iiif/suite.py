"""Chooses the validator's tests for what a server claims, and runs them one by one."""

import contextlib
import dataclasses
import io
import json
import time
import urllib.request

from PIL import Image

# The validator's modules print while they are imported and while they fail.
with contextlib.redirect_stdout(io.StringIO()):
    from iiif_validator.tests.test import ValidatorError
    from iiif_validator.validator import ImageAPI, TestSuite, ValidationInfo

LEVEL = 2

# These call `urllib.urlopen`, which Python 3 does not have, so they fail whatever the server sends. What they would
# test is optional; `webp`, which we do serve, is tested by `check_webp` below.
BROKEN_ON_PYTHON_3 = {"format_jp2", "format_pdf", "format_webp"}

# Optional features that the server must claim, so that a claim (and with it the tests) cannot get lost unnoticed. A
# square region is optional in 2.0 alone.
REQUIRED_FEATURES = {
    "2.0": {"canonicalLinkHeader", "mirroring", "profileLinkHeader", "regionSquare"},
    "3.0": {"canonicalLinkHeader", "mirroring", "profileLinkHeader", "sizeUpscaling"},
}
REQUIRED_FORMATS = {"webp"}

# Tests above level 2 run when the server claims what they test.
TESTS_OF_FEATURE = {
    "canonicalLinkHeader": ["linkheader_canonical"],
    "mirroring": ["rot_mirror", "rot_mirror_180"],
    "profileLinkHeader": ["linkheader_profile"],
    "rotationArbitrary": ["rot_full_non90", "rot_region_non90"],
    "sizeAboveFull": ["size_up"],
    "sizeUpscaling": ["size_up"],
}
TESTS_OF_FORMAT = {"gif": ["format_gif"], "tif": ["format_tif"], "webp": ["check_webp"]}


@dataclasses.dataclass
class Claims:
    """What an info.json says the server can do beyond level 2."""

    features: set
    formats: set


@dataclasses.dataclass
class Outcome:
    """The result of one test: `problem` is empty if it passed."""

    test: str
    seconds: float
    problem: str = ""


def read_claims(base_url, version):
    """The claims in the info.json of the image below `base_url`."""
    with urllib.request.urlopen(f"{base_url}/info.json", timeout=10) as response:
        info = json.load(response)
    if version == "3.0":
        return Claims(set(info.get("extraFeatures", [])), set(info.get("extraFormats", [])))
    extras = info["profile"][1] if len(info["profile"]) > 1 else {}
    return Claims(set(extras.get("supports", [])), set(extras.get("formats", [])))


def missing_claims(claims, version):
    """The required claims that are not made."""
    return sorted((REQUIRED_FEATURES[version] - claims.features) | (REQUIRED_FORMATS - claims.formats))


def tests_for(claims, version):
    """The names of the tests to run: all up to level 2, and those of the claims above it."""
    listed = TestSuite(ValidationInfo()).list_tests(version)
    chosen = [name for name, info in listed.items() if info["level"] <= LEVEL]
    if version == "2.0":
        # The validator knows this test for "2.1.1" alone, a version for which it builds the addresses of version 1.
        # Version 2.1.1 has the addresses of 2.0, so the test is run with those.
        chosen.append("region_square")
    for feature in claims.features:
        chosen += TESTS_OF_FEATURE.get(feature, [])
    for file_format in claims.formats:
        chosen += TESTS_OF_FORMAT.get(file_format, [])
    return sorted(set(chosen) - BROKEN_ON_PYTHON_3)


def run_one(test, host, prefix, identifier, version):
    """Runs one test against `http://{host}/{prefix}/{identifier}`."""
    info = ValidationInfo()
    api = ImageAPI(identifier, host, prefix, version=version, debug=False)
    started = time.monotonic()
    problem = ""
    chatter = io.StringIO()
    try:
        with contextlib.redirect_stdout(chatter):
            if test == "check_webp":
                check_webp(info, api)
            else:
                TestSuite(info).run_test(test, api)
        if api.exception is not None:
            problem = describe(api.exception, api)
    except Exception as error:  # The validator's own code fails on answers that it did not expect.
        problem = describe(error, api)
    return Outcome(test, time.monotonic() - started, problem)


def describe(error, api):
    """One line that says what was asked, what was expected and what came."""
    asked = api.urls[-1] if api.urls else api.last_url or "no request was answered"
    return f"{asked} (status {api.last_status}): {type(error).__name__}: {error}"


def check_webp(info, api):
    """A WebP file with the right colours; the validator's own test of it does not run on Python 3."""
    data = api.fetch(api.make_url({"format": "webp"}))
    info.check("status", api.last_status, 200, api)
    image = Image.open(io.BytesIO(data))
    info.check("format", image.format, "WEBP", api)
    for column, row in [(0, 0), (4, 7), (9, 9)]:
        square = image.convert("RGB").crop((column * 100 + 13, row * 100 + 13, column * 100 + 87, row * 100 + 87))
        if not info.do_test_square(square, column, row, api):
            raise ValidatorError("color", square.getpixel((30, 30)), info.colorInfo[column][row], api)
