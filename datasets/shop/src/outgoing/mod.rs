//! Calls to other components: where they are, who may call, over which connections.

pub(crate) mod gate;
pub(crate) mod lane;
pub(crate) mod peer;
mod pool;
