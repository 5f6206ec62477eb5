mod parts;
mod rig;
mod strangers;
mod talk;
