"""Training with Hugging Face's Trainer: the winning recipe, validated on signers that training never sees.

fingerspelling train --params notebooks/params/demo.yaml
torchrun --nproc_per_node=2 -m fingerspelling train --params notebooks/params/round2.yaml
"""

from fingerspelling.training.config import TrainingConfig
from fingerspelling.training.loading import training_plan
from fingerspelling.training.recipe import Recipe
from fingerspelling.training.run import read_predictions, train, write_predictions
from fingerspelling.training.split import Split, confidence_targets, split_by_signer
from fingerspelling.training.trainer import FingerspellingTrainer
