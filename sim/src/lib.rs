//! A deterministic simulator that drives whole campana nodes on virtual time.
