//! Pages from whole evidence.
