"""Remakes the validator's test image from the table of colours in the validator itself.

The image is a square of 1000 x 1000 pixels, made of 10 x 10 squares of one colour each; the validator looks each
square's colour up in `ValidationInfo.colorInfo[column][row]`.
"""

from PIL import Image

SIDE = 1000
# The name under which the validator's authors publish the image.
FILE_NAME = "67352ccc-d1b0-11e1-89ae-279075081939.png"


def make(colors):
    """The test image for a table `colors[column][row]` of RGB triples."""
    n_columns = len(colors)
    square = SIDE // n_columns
    image = Image.new("RGB", (SIDE, SIDE))
    for column, rows in enumerate(colors):
        for row, color in enumerate(rows):
            box = (column * square, row * square, (column + 1) * square, (row + 1) * square)
            image.paste(tuple(color), box)
    return image
