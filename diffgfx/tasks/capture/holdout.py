"""Which photographs the fit must not see, chosen from the poses alone, given or estimated."""

from jaxtyping import Float
from torch import Tensor

from diffgfx.errors import RangeError
from diffgfx.tasks.capture.options import CaptureOptions

__all__ = ["choose_holdout"]

_FEWEST = 4
_FEWEST_FITTED = 1


def choose_holdout(
    light_position: Float[Tensor, "n 3"], options: CaptureOptions
) -> tuple[int, ...]:
    """Return the indices of the held-out photographs, in order.

    ``auto`` holds out floor(n/4) of n photographs, none under four: those nearest to evenly spaced
    places (for two: 1/3 and 2/3) of the sorted distances of the lights from their mean position.

    Args:
        light_position: Position of the light of each photograph. Where poses are solved they are
            estimates, read from the very photographs, the held-out ones among them; the choice is
            all that those have a part in.
        options: Its ``holdout`` is followed.

    Raises:
        RangeError: If an index is not one of a photograph, or no photograph is left to fit.
    """
    count = len(light_position)
    if options.holdout == "none":
        return ()
    if options.holdout == "auto":
        return _spread(light_position) if count >= _FEWEST else ()
    chosen = tuple(sorted(set(options.holdout)))
    for index in chosen:
        if not 0 <= index < count:
            raise RangeError(
                f"holdout must name photographs from 0 to {count - 1}, got {index}; "
                "photographs count from 0 in the order of capture.json"
            )
    if count - len(chosen) < _FEWEST_FITTED:
        raise RangeError(
            f"holdout must leave a photograph to fit, got all {count}; hold out fewer"
        )
    return chosen


def _spread(light_position: Float[Tensor, "n 3"]) -> tuple[int, ...]:
    distance = (light_position - light_position.mean(dim=0)).norm(dim=1)
    order = distance.argsort(stable=True).tolist()
    held = len(order) // 4
    places = [(k + 1) / (held + 1) * (len(order) - 1) for k in range(held)]
    return tuple(sorted(order[round(place)] for place in places))
