"""The images that the tools of a run returned: stored once, as items; what the model is told refers to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from contracts.replies import ItemView

RUN_IMAGE_BYTES_MAX = 1_048_576
"""Of all images of a run: they go through one message when another runner takes it over."""
REFERENCE = "natter:"
"""What stands before an item's id where the model's input refers to its image."""
NOT_SEEN = "[An image. The user sees it; you cannot.]"


@dataclass
class RunImages:
    """The images of one run by the ids of their items, and how many bytes of images it may still have."""

    image_bytes_max: int
    _bytes_left: int = RUN_IMAGE_BYTES_MAX
    _urls: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, saved_items: Sequence[ItemView], image_bytes_max: int) -> "RunImages":
        """With those that earlier attempts of the run have stored."""
        saved: dict[str, str] = {
            view.message_id: cast("Any", view.item)["image"]["url"] for view in saved_items if view.item.get("image")
        }
        images = cls(image_bytes_max)
        images.add(saved.items())
        images.take(sum(len(url) for url in saved.values()) * 3 // 4)
        return images

    def take(self, size: int) -> bool:
        """Whether there is room for an image of so many bytes; then it is taken."""
        if size > self._bytes_left:
            return False
        self._bytes_left -= size
        return True

    def add(self, images: Iterable[tuple[str, str]]) -> list[str]:
        """Keep images, each an item's id and a data URL; returns the references to them."""
        added = dict(images)
        self._urls |= added
        return [f"{REFERENCE}{item_id}" for item_id in added]

    def put_in(self, items: Sequence[Any], *, model_sees_images: bool) -> list[Any]:
        """The model's input with images for references, or words: for a model that sees none, and of earlier turns.

        An image is in the model's sight in the run that made it; later turns read that there was one.
        """
        return [self._with_images(item, model_sees_images) for item in items]

    def _with_images(self, item: Any, model_sees_images: bool) -> Any:
        output = item.get("output") if item.get("type") == "function_call_output" else None
        if not isinstance(output, list):
            return item
        parts = [self._resolved(part) for part in cast("list[Mapping[str, str]]", output)]
        if model_sees_images:
            return {**item, "output": parts}
        return {**item, "output": "\n".join(part.get("text", NOT_SEEN) for part in parts)}

    def _resolved(self, part: Mapping[str, str]) -> Mapping[str, str]:
        reference = part.get("image_url", "")
        if part.get("type") != "input_image" or not reference.startswith(REFERENCE):
            return part
        url = self._urls.get(reference.removeprefix(REFERENCE))
        return {"type": "input_image", "image_url": url, "detail": "auto"} if url else _text(NOT_SEEN)


def _text(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}
