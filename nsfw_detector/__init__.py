"""Graded image moderation with Freepik/nsfw_image_detector and its family."""

__version__ = "0.1.0"
