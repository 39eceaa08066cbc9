"""The parts of the inference job: requests, feature look-up, predictions as records, transactions."""
