"""What the plain data of a checkpoint says: progress, metrics, callbacks, hyper-parameters, weights. Pure."""
