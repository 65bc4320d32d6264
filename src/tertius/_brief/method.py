"""The method in plain words, the same on the page and in Markdown."""

from __future__ import annotations

__all__ = ["CLAIMS", "METHOD"]

CLAIMS = (
    "A claim is supported when it holds in at least 80 % of the draws, contradicted when it holds in at most "
    "20 %, contested between. Likelihood says how often it holds; confidence, kept apart, says how far that "
    "rests on evidence and survives other assumptions."
)

METHOD: tuple[tuple[str, str], ...] = (
    (
        "What this is.",
        "A model of who depends on whom. Every uncertain figure is drawn many times at once from the range that "
        "the case states; every draw goes through the same equations; what is shown is what the draws say. An "
        "interval runs from the 5th to the 95th percentile. A likelihood word stands for a range of probabilities"
        " (ICD 203): almost no chance below 5 %, very unlikely to 20 %, unlikely to 45 %, roughly even to 55 %, "
        "likely to 80 %, very likely to 95 %, almost certain above.",
    ),
    (
        "Information, assumption, judgement.",
        "A figure marked sourced is information and leads to its source; one marked assumed was chosen by whoever "
        "wrote the case, and its ground stands beside it; every estimate, likelihood and verdict is a judgement of "
        "the model, made from both.",
    ),
    (
        "Log points.",
        "All losses are in one currency: 100 times the natural logarithm of a ratio of welfare, so that losses of"
        " different kinds add up. One point is about one per cent of real income; ten are 9.5 per cent; a hundred"
        " are 63.",
    ),
    (
        "Levers.",
        "A lever is the loss that a power's full withdrawal would cause after the client has turned to whoever "
        "else can supply or buy. Trade is computed in general equilibrium, good by good, between all regions of "
        "the case. Routes are limits on quantity: closing one stops what cannot go another way. The other domains"
        " are bundles in which suppliers replace each other more or less easily. Net levers subtract what the "
        "client could do to the power; where no tie in that direction is stated they are missing, not zero.",
    ),
    (
        "The vacuum.",
        "When a power leaves, the remaining ones fill in along their capacity to supply; prices and quantities "
        "settle anew. The vacuum share of a power is the quantity it adds over the quantity withdrawn; the rest "
        "is own provision, regions that are no power, and what nobody fills. The third that gains most is counted"
        " draw by draw; a tie counts for nobody.",
    ),
    (
        "What it does not do.",
        "It does not foresee events, choices or moods: it says what follows if something happens, not whether it "
        "will. It knows no adjustment in time, no intermediate goods, no politics beyond the ties that the case "
        "states. How much one domain weighs against another is a judgement of the case, which is why domains are "
        "shown before their total. A probability here is the share of draws, given the model and the stated "
        "ranges; it says nothing of what both leave out.",
    ),
    (
        "Colours",
        "mean powers and nothing else.",
    ),
)
