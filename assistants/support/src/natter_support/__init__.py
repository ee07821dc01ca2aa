"""An example of an assistant: the support desk of a small shop (``natter_support:assistant``)."""

from natter_support.desk import assistant

__all__ = ["assistant"]
