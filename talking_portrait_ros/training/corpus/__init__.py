"""The video corpus: labelled clips that the portrait rig draws; see doc/corpus.md."""

from __future__ import annotations

from talking_portrait_ros.training.corpus.clip import Clip
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.corpus import Corpus

__all__ = ["Clip", "Corpus", "CorpusConfig"]
