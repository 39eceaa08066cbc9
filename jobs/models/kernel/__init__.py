"""A model's trees as tables, and one native kernel for all models that predicts from them with LightGBM's bits."""
