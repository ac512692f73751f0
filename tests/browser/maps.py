"""Read the attention that lies over the picture."""

import numpy as np

SETTLED_MASK = """async ([rows, columns, [left, top, right, bottom]]) => {
    const twoFrames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const sheet = document.querySelector(".sheet"), {width, height} = sheet.querySelector("canvas");
    const small = new OffscreenCanvas(columns, rows).getContext("2d", {willReadFrequently: true});
    const part = [left * width, top * height, (right - left) * width, (bottom - top) * height];
    small.imageSmoothingQuality = "high";
    for (let before = "";; await twoFrames()) {
        small.clearRect(0, 0, columns, rows);
        small.drawImage(sheet.querySelector("canvas"), ...part, 0, 0, columns, rows);
        const alpha = [...small.getImageData(0, 0, columns, rows).data].filter((_, at) => at % 4 === 3);
        const isMasked = sheet.classList.contains("masked");
        if (isMasked && alpha.join() === before) return alpha;
        before = isMasked ? alpha.join() : "";
    }
}"""
SPLINE = (
    np.array([1, 76, 230, 76, 1]) / 384
)  # the means of a cubic B-spline over its own and the next locations


def pointed_word(page, answer, number=0):
    """Return which word of a caption has the attention that lies over the picture, once it rests.

    Args:
        page: of the browser.
        answer: the server's, with the captions that are shown.
        number: of the caption.

    Returns:
        The place of the word whose map is most alike; the likeness is a correlation, which must be high.
    """
    mask = page.evaluate(SETTLED_MASK, [answer["grid"][0], answer["grid"][1], answer["view_box"]])
    maps = [smooth(weights, answer["grid"]) for weights in answer["captions"][number]["attention"]]
    alike = [np.corrcoef(mask, one)[0, 1] for one in maps]
    assert max(alike) > 0.97
    return int(np.argmax(alike))


def smooth(weights, grid):
    """Return attention as the page shows it: smooth between the locations, and a bit flatter."""
    padded = np.pad(np.reshape(weights, grid), 2, mode="edge")
    across = np.apply_along_axis(np.convolve, 1, padded, SPLINE, mode="valid")
    return np.apply_along_axis(np.convolve, 0, across, SPLINE, mode="valid").ravel() ** 0.8


def two_unlike_words(caption):
    """Return the places of the two words of a caption whose attention differs most."""
    alike = np.corrcoef(caption["attention"])
    return [int(place) for place in np.unravel_index(np.argmin(alike), alike.shape)]
