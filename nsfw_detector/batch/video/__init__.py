"""Videos among a batch job's files: some pictures of each are scored, and the worst counts.

Only batch jobs look at videos; a request that has to be answered in seconds does not. PyAV (FFmpeg)
is part of the batch environment. `containers` tells a video by content and opens it, `track` says
which pictures are worth a look and what has to be decoded for them, `sampling` decodes them.
"""

from nsfw_detector.batch.video.containers import HEAD_BYTES, VIDEO_FORMATS, is_video
from nsfw_detector.batch.video.sampling import VideoFrame, sample_frames

__all__ = ["HEAD_BYTES", "VIDEO_FORMATS", "VideoFrame", "is_video", "sample_frames"]
