//! An index over matcher lists: which of many can match a label set.
