//! Every bound of the product, with the reason for its size and what happens at it.
