"""The workbook at work: a run's stages, the training of its models, all of its chapters."""

from fingerspelling.workbook.workbook import Workbook, open_run
