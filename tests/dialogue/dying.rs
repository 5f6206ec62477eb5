//! A backend that dies at every byte of its answer, and a client that dies at every byte of its request. Each ends as
//! SPEC 3 says, whoever comes next is served, and nothing is left.
//!
//! What has to be seen is worked out by `model`, which reads messages plainly and knows nothing of HALB.

#[path = "dying/backends.rs"]
mod backends;
#[path = "dying/clients.rs"]
mod clients;
#[path = "dying/model.rs"]
mod model;
