"""Search: the candidates to train, and the choice among the trained ones."""

import warnings

# Optuna imports tqdm's bar for notebooks, which is never shown and asks for ipywidgets
warnings.filterwarnings("ignore", message="IProgress not found")
