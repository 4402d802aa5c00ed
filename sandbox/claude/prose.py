"""What the sandbox's Claude has to say: notes on drawing type, chosen by the words of the question."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """A text, and the stems of words that call for it."""

    stems: tuple[str, ...]
    text: str


GREETING = Note(
    ("hello", "hi", "hey", "good morning", "who are you", "help"),
    """Hello. I can look at letterforms with you, talk through spacing and kerning, explain what a table \
in the font file does, or write feature code for you to paste. What are you drawing at the moment?

A good place to start is a word such as *hamburgefonstiv*: tell me what bothers you in it, and we can \
work out whether the trouble sits in the outlines, in the sidebearings, or in the kerning.""",
)

THANKS = Note(
    ("thank", "thanks", "great", "perfect"),
    "You are welcome. When you have proofed it at text size, show me the word that still looks wrong, if there is one.",
)

NOTES: tuple[Note, ...] = (
    Note(
        ("kern", "pair", "classes", "avatar", "av"),
        """Kern last. If many pairs with the same letter need help, the letter's sidebearings are wrong, \
and no number of pairs will hide it.

Once the spacing holds, work in classes rather than in single pairs:

1. Group the glyphs whose sides look alike. The left side of **o** goes with *c, d, e, g, q*; the right \
side with *b, o, p*.
2. Start with the pairs that carry the most air: `AV`, `To`, `Ty`, `LT`, `P,` and `r.`
3. Look at each pair between two neutral letters (`HHAVHH`, `nnAVnn`), never alone.
4. Write an exception only when the class value is visibly wrong, as with `Tï`, where the dieresis runs \
into the bar.

Set a page of real text before you trust any of it. A text face rarely needs more than a few hundred \
class pairs; beyond that you are usually repairing the spacing.""",
    ),
    Note(
        ("spac", "sidebearing", "tracking", "rhythm", "fit"),
        """Spacing is drawing too: you shape the white between the letters as carefully as the black.

Begin with **n** and **o**. Set `nnnn` and adjust until the counters and the gaps form one even beat. \
Then place **o** between them: its sides are round, so it wants roughly half to two thirds of the space \
that a straight stem has. From these two you can derive most of the lowercase, because the right side of \
*h* is that of *n*, and the left side of *d* is that of *o*.

Do the same in capitals with **H** and **O**. Leave *s*, *a*, *z* and *T* for the end and judge them by \
eye, since their open shapes follow no rule.

Check at the size where it will be read. A face for captions wants looser fitting than one for \
headlines, and tightening later by tracking is not the same thing: it moves every gap by the same \
amount, while a good fit does not.""",
    ),
    Note(
        ("variable", "axis", "axes", "interpolat", "master", "designspace", "instance", "weight"),
        """A variable font keeps one outline per glyph and a set of deltas that say where its points go \
as you move along an axis. Everything follows from that: the masters must be **compatible**.

- The same number of contours, in the same order.
- The same number of points in each contour, of the same kind, starting at the same corner.
- Components and anchors that match by name.

Draw the extremes first, regular and black, say, and look at the middle. When the semibold looks lumpy, \
the cause is nearly always a handle whose proportion differs between masters, so the curve speeds up \
half-way. Fix the masters before you add an intermediate one; each extra master is a lifetime of upkeep.

Use the registered tags where they fit (`wght`, `wdth`, `opsz`, `slnt`, `ital`) and upper-case ones for \
your own. Map the weight axis with `avar` so that 400 and 700 land where readers expect them, even if \
your stems do not grow evenly.""",
    ),
    Note(
        (
            "feature",
            "opentype",
            "ligature",
            "gsub",
            "gpos",
            "fea",
            "code",
            "stylistic",
            "small cap",
            "substitut",
        ),
        """Here is a small feature file that you can build on. It gives you standard ligatures, a \
stylistic set for a single-storey *a*, and fractions that work without markup:

```fea
languagesystem DFLT dflt;
languagesystem latn dflt;

feature liga {
    sub f f i by f_f_i;
    sub f i by f_i;
    sub f l by f_l;
} liga;

feature ss01 {
    featureNames { name "Single-storey a"; };
    sub a by a.ss01;
    sub aacute by aacute.ss01;
} ss01;

feature frac {
    sub slash by fraction;
    sub [one two three]' fraction by [one.numr two.numr three.numr];
} frac;
```

Two things are easy to get wrong. Longer sequences must stand before shorter ones, or `f_i` wins over \
`f_f_i`. And every base that you substitute needs its accented relatives in the same rule, otherwise *á* \
keeps the old form beside the new *a*. Proof it with `hb-shape --features=ss01` before you look at it in \
a browser.""",
    ),
    Note(
        ("hint", "raster", "pixel", "screen", "blurr", "sharp", "grid"),
        """On a screen of 200 pixels per inch or more you can leave most hinting alone; below that it \
still decides whether a stem looks crisp or grey.

Run `ttfautohint` first and judge the result at 11 to 16 pixels on Windows, where vertical snapping \
matters most. Three things are worth doing by hand: align x-height, baseline and cap height to zones, so \
that overshoots vanish at small sizes; keep the bar of **e** from closing its counter; and make sure \
that the two stems of **n** round to the same width.

Set the `gasp` table so that smoothing is on at every size. Much of what is blamed on hinting is a \
missing `gasp`.""",
    ),
    Note(
        (
            "overshoot",
            "x-height",
            "xheight",
            "baseline",
            "ascender",
            "descender",
            "metric",
            "proportion",
            "height",
        ),
        """Round shapes must be a little taller than flat ones to look the same height. For a text face \
an overshoot of 1 to 1.5 % of the em is usual: 10 to 15 units in 1000. Pointed shapes such as \
the apex of **A** need slightly more.

Choose the x-height for the use. About 0.48 em reads classical and gives ascenders room; 0.52 to 0.55 em \
holds up on screens, at the price of tighter lines.

For the vertical metrics, keep the three sets in agreement, or lines will jump from one system to another:

| table | ascender | descender | gap |
|---|---|---|---|
| `hhea` | 950 | -250 | 0 |
| `OS/2` typo | 950 | -250 | 0 |
| `OS/2` win | 1050 | 300 | |

Set bit 7 of `fsSelection` (*use typo metrics*), and let the win values cover the tallest accented \
capital, because anything above them may be clipped.""",
    ),
    Note(
        ("serif", "bracket", "stress", "contrast", "stroke", "modulation", "pen"),
        """Contrast comes from a tool, even when no one holds it any more. A broad nib, held at thirty \
degrees, thins the strokes that run along its edge, and the axis of the **o** leans with it. A \
pointed pen swells under pressure, so its axis is upright and its hairlines are thin.

Decide which of the two you follow, then be strict about it. In the lowercase, the thick of **a**, **e** \
and **s** should agree with that of **o**. Check where strokes join: the branch of **n** leaves its stem \
thin and gains weight over the shoulder, and if it does not, the letter looks poured rather than \
written.

Serifs can be drawn once and reused as components while you search for their shape. Break them up at the \
end. A serif that is identical everywhere looks mechanical, and those at the foot of **h** want to be a \
touch shorter on the inside.""",
    ),
    Note(
        ("ink trap", "small size", "legib", "readab", "caption", "accessib", "confus"),
        """Legibility at small sizes is mostly a matter of keeping shapes open and apart.

- Open the apertures of **c**, **e**, **a** and **s**; at eight points a narrow one closes.
- Tell **I**, **l** and **1** apart by form, not by context: a tail on the *l*, a flag on the *1*.
- Raise the x-height and loosen the spacing together; either one alone looks awkward.
- Cut notches where two strokes meet at a sharp angle. In print these *ink traps* fill up; on a screen \
they keep the join from turning into a dark spot.

Then test with the people and the sizes that matter. A paragraph at the real size on the real device, \
read aloud, tells you more in a minute than an enlarged glyph does in an hour.""",
    ),
    Note(
        ("italic", "slant", "oblique", "cursive"),
        """A slanted roman is a beginning, not an italic. Slanting pulls the weight out of round shapes: \
the upper right and the lower left grow heavy, and the opposite corners go thin. So correct \
every curve after you slant it.

An angle between 8 and 12 degrees suits most text faces. Then look at the construction: an italic is \
narrower, its entry strokes lead in from the left, and *a*, *e*, *f*, *k* and *v* may take their written \
forms. Keep colour and x-height those of the roman, since the two will stand in the same line.

Anchor the slant at half the x-height. The sidebearings then stay nearly balanced, and accents need only \
small shifts.""",
    ),
    Note(
        ("name", "licen", "release", "publish", "export", "woff", "subset", "file", "web"),
        """Before you release, go down this list:

1. **Names.** Family and style in name IDs 1 and 2, typographic ones in 16 and 17 if there are more than \
four styles. Search for the name first; it is often taken.
2. **Version.** Raise it in `head` and in name ID 5. Systems cache by name and version.
3. **Licence.** Put its text and address into IDs 13 and 14, and set the embedding bits to match.
4. **Web files.** WOFF2 only; nothing that is still in use needs more. Subset by script with \
`pyftsubset` and keep the layout features with `--layout-features='*'`.
5. **Proof.** Run Fontbakery, then set one page in each of the applications that your customers use.

Ship a variable font when a page would otherwise load three styles or more. With fewer, static files are \
smaller.""",
    ),
    Note(
        (
            "curve",
            "bezier",
            "node",
            "extrem",
            "outline",
            "smooth",
            "handle",
            "path",
            "draw",
            "glyph",
            "letter",
            "shape",
        ),
        """Fewer points make better curves. Place nodes at the extremes, let the handles run straight \
along the grid, and the rest is a question of tension.

Take a bowl. Four nodes are enough: left, top, right and bottom. Pull each pair of handles to about 55 % \
of the distance to the corner where they would meet. At that length the curve is close to a \
superellipse; shorter, and it turns pointed; longer, and it grows shoulders.

Mind the joins between a curve and a straight stem. If the curvature begins abruptly, the eye sees a \
kink even where the tangents agree, so let the last handle be long and lie exactly on the line of the \
stem.

Turn the glyph upside down and look again. Faults that habit hides become plain at once.""",
    ),
    Note(
        (
            "pair fonts",
            "combine",
            "choose",
            "recommend",
            "which font",
            "typeface",
            "history",
            "style",
            "type",
        ),
        """Choose by the task and not by the mood. Ask what will be read, how long, at what size and on \
which surface; that usually leaves five faces out of five thousand.

For long text look for an even colour, open counters and an italic that you would want to read for a \
page. For an interface look for tabular figures, clear *I l 1*, and weights that hold up in white on \
black. For a headline you may look for character, as long as it survives being set twice on one page.

If two faces are to share a page, let them differ in construction and agree in proportion: a \
low-contrast grotesque beside an old-style serif of the same x-height works almost always. Two that are \
merely similar look like a mistake.

Set your own words in them. Specimens are written to flatter.""",
    ),
)

HAIKU = """White between black stems,
a beat that the eye half hears:
the page learns to breathe."""

THOUGHTS = """The question is about a concrete detail, so I should answer with what to do first and only \
then why. Let me think about what is likely to be on the screen: a lowercase with stems near eighty \
units and an x-height about half the em. The usual mistake is to repair single glyphs where the cause is \
shared by a group. I will name the cause, give one number to start from, and say how to check the result \
by eye at the size where it will be read. A short list helps if there is an order to follow; otherwise \
plain sentences are easier to read."""
