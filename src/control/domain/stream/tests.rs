mod parts;
pub mod rig;
mod strangers;
mod talk;
